import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { CreateBucketCommand, type S3Client } from '@aws-sdk/client-s3'
import { type TestS3 as Server, startSeaweedfs } from '#stack/seaweedfs.ts'
import { createS3Client } from '../storage/s3-client.ts'
import type { S3Config } from '../storage/storage-settings.ts'

/** A real S3 server with the bucket `registrar`. */
export type TestS3 = Server & {
  config: S3Config
  /** A client as ours, with the right keys unless told others. */
  connect(keys?: { accessKeyId: string; secretAccessKey: string }): S3Client
  close(): Promise<void>
}

export async function startTestS3(): Promise<TestS3> {
  const folder = await mkdtemp(join(tmpdir(), 'registrar-s3-'))
  const server = await startSeaweedfs(folder)
  const config = {
    ...{ region: server.region, endpoint: server.endpoint },
    ...{ forcePathStyle: true, keyPrefix: '' },
  }
  const clients: S3Client[] = []
  const connect: TestS3['connect'] = (keys = server.credentials) => {
    const client = createS3Client(config, keys)
    clients.push(client)
    return client
  }
  await connect().send(new CreateBucketCommand({ Bucket: 'registrar' }))
  return {
    ...server,
    ...{ config, connect },
    async close() {
      for (const client of clients) client.destroy()
      await server.stop()
      await rm(folder, { recursive: true, force: true })
    },
  }
}
