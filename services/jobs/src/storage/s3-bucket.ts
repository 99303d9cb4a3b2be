import {
  AbortMultipartUploadCommand,
  ListMultipartUploadsCommand,
  ListObjectsV2Command,
  type S3Client,
} from '@aws-sdk/client-s3'
import { contentTypeOf } from '../domain/object-keys.ts'
import { namesOf } from './object-paths.ts'
import { explained, isMissingBucket } from './s3-failures.ts'
import type { FoundObject } from './storage.ts'
import type { S3Config } from './storage-settings.ts'

/** An object's place as S3 has it: the key with the prefix of the deployment. */
export type S3Place = { Bucket: string; Key: string }

export type S3Bucket = ReturnType<typeof createS3Bucket>

/** What reading, writing and joining have in common: places, lists, and uploads in parts that were broken off. */
export function createS3Bucket(client: S3Client, { keyPrefix, encryption }: S3Config) {
  const unaborted = new Map<string, S3Place>()

  /** OBJECT_NOT_FOUND unless bucket and key are plain names. */
  function placeOf(bucket: string, key: string): S3Place {
    namesOf(bucket, key)
    return { Bucket: bucket, Key: keyPrefix + key }
  }

  async function abort(place: S3Place, uploadId: string): Promise<void> {
    await client.send(new AbortMultipartUploadCommand({ ...place, UploadId: uploadId })).then(
      () => unaborted.delete(uploadId),
      () => unaborted.set(uploadId, place),
    )
  }

  return {
    client,
    placeOf,

    /** How an object is written. */
    writing: (key: string) => ({
      ContentType: contentTypeOf(key),
      ...(encryption !== undefined && {
        ServerSideEncryption: encryption.algorithm,
        ...(encryption.kmsKeyId !== undefined && { SSEKMSKeyId: encryption.kmsKeyId }),
      }),
    }),

    /** Gives up an upload in parts, which keeps its parts until then. What cannot be given up now is with a later `abortRest`. */
    abort,

    async abortRest(): Promise<void> {
      await Promise.all([...unaborted].map(([uploadId, place]) => abort(place, uploadId)))
    },

    /** Objects under a folder; `Delimiter` for those right in it. */
    async *list(bucket: string, folder: string, Delimiter?: '/'): AsyncGenerator<FoundObject> {
      const { Bucket, Key } = placeOf(bucket, folder)
      let ContinuationToken: string | undefined
      do {
        const page = await explained(async () => {
          const command = new ListObjectsV2Command({
            Bucket,
            Prefix: `${Key}/`,
            Delimiter,
            ContinuationToken,
          })
          return await client.send(command).catch((error: unknown) => {
            if (isMissingBucket(error)) return undefined
            throw error
          })
        })
        for (const { Key: found = '', Size = 0, LastModified = new Date() } of page?.Contents ?? []) {
          // What consoles put there to show an empty folder ends in a slash.
          if (!found.endsWith('/'))
            yield { key: found.slice(keyPrefix.length), size: Size, modifiedAt: LastModified }
        }
        ContinuationToken = page?.NextContinuationToken
      } while (ContinuationToken !== undefined)
    },

    /** Gives up uploads in parts under a folder that were begun before a time; how many there were. */
    async abortOld(bucket: string, folder: string, before: Date): Promise<number> {
      const { Bucket, Key } = placeOf(bucket, folder)
      let aborted = 0
      let markers: { KeyMarker?: string; UploadIdMarker?: string } | undefined = {}
      while (markers !== undefined) {
        const page = await explained(() =>
          client.send(new ListMultipartUploadsCommand({ Bucket, Prefix: `${Key}/`, ...markers })),
        )
        for (const { Key: found, UploadId, Initiated } of page.Uploads ?? []) {
          if (found === undefined || UploadId === undefined || (Initiated ?? before) > before) continue
          await abort({ Bucket, Key: found }, UploadId)
          aborted++
        }
        markers = page.IsTruncated
          ? { KeyMarker: page.NextKeyMarker, UploadIdMarker: page.NextUploadIdMarker }
          : undefined
      }
      return aborted
    },
  }
}
