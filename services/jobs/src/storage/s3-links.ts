import { GetObjectCommand, type S3Client } from '@aws-sdk/client-s3'
import { getSignedUrl } from '@aws-sdk/s3-request-presigner'
import { contentTypeOf, fileNameOf } from '../domain/object-keys.ts'
import { createS3Bucket } from './s3-bucket.ts'
import { explained } from './s3-failures.ts'
import type { ObjectLinks } from './storage.ts'
import type { S3Config } from './storage-settings.ts'

/**
 * Presigned links to S3, which answers them as a file to save. With temporary credentials they stop working no later than those do.
 */
export function createS3Links(
  client: S3Client,
  config: S3Config,
  { ttlSeconds }: { ttlSeconds: number },
): ObjectLinks {
  const { placeOf } = createS3Bucket(client, config)
  return {
    async linkTo(bucket, key) {
      const signingDate = new Date()
      const command = new GetObjectCommand({
        ...placeOf(bucket, key),
        ResponseContentType: contentTypeOf(key),
        ResponseContentDisposition: dispositionOf(fileNameOf(key)),
        ResponseCacheControl: 'private, no-store',
      })
      const url = await explained(() => getSignedUrl(client, command, { expiresIn: ttlSeconds, signingDate }))
      return { url, expiresAt: new Date(signingDate.getTime() + ttlSeconds * 1_000) }
    },
  }
}

/** For all browsers: a plain name, and the exact one beside it when it is another (RFC 6266). */
function dispositionOf(name: string): string {
  const plain = name.replace(/[^\x20-\x7e]|["\\%]/g, '_')
  if (plain === name) return `attachment; filename="${name}"`
  const exact = encodeURIComponent(name).replace(/['()*]/g, (sign) => `%${sign.charCodeAt(0).toString(16)}`)
  return `attachment; filename="${plain}"; filename*=UTF-8''${exact}`
}
