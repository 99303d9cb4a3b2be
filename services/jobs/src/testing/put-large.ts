import { createS3Client } from '../storage/s3-client.ts'
import { createS3Storage } from '../storage/s3-storage.ts'

// node put-large.ts ENDPOINT BYTES: writes an object of that size, joins it with itself and prints the most memory held, in MiB.
const [, , endpoint, bytes] = process.argv
const config = { region: 'us-east-1', endpoint, forcePathStyle: true, keyPrefix: '' }
const client = createS3Client(config)
const storage = createS3Storage(client, config)

async function* lines(): AsyncGenerator<string> {
  const line = 'a-learner,enrolled,False\r\n'.repeat(1_000)
  for (let left = Number(bytes); left > 0; left -= line.length) yield line
}

await storage.put('registrar', 'large/1', lines())
await storage.join('registrar', ['large/1', 'large/1'], 'large/2')
await storage.removeFolder('registrar', 'large')
client.destroy()
process.stdout.write(String(Math.round(process.resourceUsage().maxRSS / 1_024)))
