import { S3Client, type S3ClientConfig } from '@aws-sdk/client-s3'
import type { S3Config } from './storage-settings.ts'

/**
 * A client of S3 that gives up in time: each attempt and the number of attempts are bounded, the longer patience is the caller's.
 * It finds its credentials where the SDK looks for them, unless given some.
 */
export function createS3Client(
  { region, endpoint, forcePathStyle }: S3Config,
  credentials?: S3ClientConfig['credentials'],
): S3Client {
  const agent = { keepAlive: true, maxSockets: 128 }
  return new S3Client({
    region,
    ...(endpoint !== undefined && { endpoint }),
    forcePathStyle,
    ...(credentials !== undefined && { credentials }),
    maxAttempts: 3,
    retryMode: 'standard',
    requestHandler: {
      connectionTimeout: 2_000,
      // To the first byte of the answer; copying or joining on the server's side takes its time.
      requestTimeout: 30_000,
      throwOnRequestTimeout: true,
      // Between two bytes, also while whoever reads takes a break.
      socketTimeout: 60_000,
      httpAgent: agent,
      httpsAgent: agent,
    },
  })
}
