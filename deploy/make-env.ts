import { generateKeyPairSync, randomBytes } from 'node:crypto'
import { readFileSync } from 'node:fs'

// node deploy/make-env.ts > .env: the sample with fresh secrets in it. It changes nothing that is running: keep the file.
const { privateKey, publicKey } = generateKeyPairSync('ed25519')
const random = () => randomBytes(32).toString('base64url')
const secrets: Record<string, string> = {
  POSTGRES_PASSWORD: random(),
  TEMPORAL_DB_PASSWORD: random(),
  S3_ACCESS_KEY_ID: `registrar-${randomBytes(6).toString('hex')}`,
  S3_SECRET_ACCESS_KEY: random(),
  RESULT_LINK_SECRET: random(),
  SERVICE_PRIVATE_KEY: `'${JSON.stringify(privateKey.export({ format: 'jwk' }))}'`,
  SERVICE_PUBLIC_KEY: `'${JSON.stringify(publicKey.export({ format: 'jwk' }))}'`,
}
const sample = readFileSync(new URL('./sample.env', import.meta.url), 'utf8')
process.stdout.write(
  sample.replace(/^([A-Z0-9_]+)=$/gm, (line, name: string) => `${line}${secrets[name] ?? ''}`),
)
