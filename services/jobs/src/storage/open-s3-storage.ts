import { createS3Client } from './s3-client.ts'
import { createS3Links } from './s3-links.ts'
import { createS3Storage } from './s3-storage.ts'
import type { OpenStorage } from './storage.ts'
import type { S3Config } from './storage-settings.ts'

export function openS3Storage(config: S3Config): OpenStorage {
  const client = createS3Client(config)
  // It asks for nothing: a link is signed here, for the host that partners send it to.
  const signing =
    config.publicUrl === undefined ? client : createS3Client({ ...config, endpoint: config.publicUrl })
  return {
    storage: createS3Storage(client, config),
    createLinks: (options) => createS3Links(signing, config, options),
    close() {
      client.destroy()
      signing.destroy()
    },
  }
}
