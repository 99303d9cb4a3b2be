import { Readable } from 'node:stream'
import {
  DeleteObjectCommand,
  DeleteObjectsCommand,
  GetObjectCommand,
  HeadObjectCommand,
  type S3Client,
} from '@aws-sdk/client-s3'
import { Upload } from '@aws-sdk/lib-storage'
import { compareByCodePoint } from '../domain/code-points.ts'
import { createS3Bucket, type S3Bucket, type S3Place } from './s3-bucket.ts'
import { explained, explainS3Error } from './s3-failures.ts'
import { joinObjects } from './s3-join.ts'
import { type Chunk, type ObjectEntry, readChunkBytes, type Storage, type StoredObject } from './storage.ts'
import type { S3Config } from './storage-settings.ts'
import { watchChunks } from './watched-chunks.ts'

// What one write holds in memory: so many parts that are on their way, and the one that is being filled.
const partBytes = 5 * 1_048_576
const partsAtOnce = 3

const keysPerRemoval = 1_000

/**
 * Objects in S3, or in what speaks like it: `<bucket>/<prefix><key>`.
 *
 * Large objects are uploaded in parts, which S3 makes one object of when the last one is there. Parts of a write that failed are
 * given up at once; those of a process that was killed by `removeUnfinished`.
 */
export function createS3Storage(client: S3Client, config: S3Config): Storage {
  const s3 = createS3Bucket(client, config)
  return {
    put: async (bucket, key, chunks) => putObject(s3, s3.placeOf(bucket, key), s3.writing(key), chunks),
    read: async (bucket, key) => readObject(client, s3.placeOf(bucket, key)),
    async join(bucket, keys, key) {
      const places = keys.map((each) => s3.placeOf(bucket, each))
      await explained(() => joinObjects(s3, places, s3.placeOf(bucket, key), s3.writing(key)))
    },
    async list(bucket, folder) {
      const found: ObjectEntry[] = []
      for await (const { key, size } of s3.list(bucket, folder, '/')) {
        if (!key.startsWith('.', folder.length + 1)) found.push({ key, size })
      }
      return found.toSorted((left, right) => compareByCodePoint(left.key, right.key))
    },
    async remove(bucket, key) {
      const place = s3.placeOf(bucket, key)
      await explained(() => client.send(new DeleteObjectCommand(place)))
    },
    removeFolder: (bucket, folder) => removeAll(s3, bucket, folder),
    walk: (bucket, folder) => s3.list(bucket, folder),
    removeUnfinished: async (bucket, folder, olderThanSeconds) =>
      s3.abortOld(bucket, folder, new Date(Date.now() - olderThanSeconds * 1_000)),
  }
}

async function putObject(
  s3: S3Bucket,
  place: S3Place,
  writing: object,
  chunks: AsyncIterable<Chunk>,
): Promise<void> {
  const source = watchChunks(chunks)
  const Body = Readable.from(bytesOf(source.chunks), { objectMode: false, highWaterMark: 2 * readChunkBytes })
  const upload = new Upload({
    client: s3.client,
    params: { ...place, ...writing, Body },
    ...{ partSize: partBytes, queueSize: partsAtOnce },
    // Not by the upload itself, which would tell that failure instead of what went wrong before it.
    leavePartsOnError: true,
  })
  try {
    await upload.done()
  } catch (error) {
    if (upload.uploadId !== undefined) await s3.abort(place, upload.uploadId)
    throw source.hasThrown(error) ? error : explainS3Error(error)
  } finally {
    Body.destroy()
  }
  await s3.abortRest()
}

async function* bytesOf(chunks: AsyncIterable<Chunk>): AsyncGenerator<Uint8Array> {
  for await (const chunk of chunks) {
    const bytes = typeof chunk === 'string' ? Buffer.from(chunk) : chunk
    if (bytes.byteLength > 0) yield bytes
  }
}

async function readObject(client: S3Client, place: S3Place): Promise<StoredObject> {
  const { ContentLength = 0 } = await explained(() => client.send(new HeadObjectCommand(place)))
  return { size: ContentLength, chunks: readChunks(client, place) }
}

// Asked for when the reading starts: an answer that nobody reads would keep its connection.
async function* readChunks(client: S3Client, place: S3Place): AsyncGenerator<Uint8Array> {
  const { Body } = await explained(() => client.send(new GetObjectCommand(place)))
  const stream = Body as Readable
  try {
    for await (const bytes of stream as AsyncIterable<Uint8Array>) {
      for (let start = 0; start < bytes.byteLength; start += readChunkBytes) {
        yield bytes.subarray(start, start + readChunkBytes)
      }
    }
  } catch (error) {
    throw explainS3Error(markAsLost(error))
  } finally {
    stream.destroy()
  }
}

/** A connection that broke in the middle of an answer is an error of the socket, without what the SDK says of its own. */
function markAsLost(error: unknown): unknown {
  return error instanceof Error && !('$metadata' in error) ? Object.assign(error, { $metadata: {} }) : error
}

async function removeAll(s3: S3Bucket, bucket: string, folder: string): Promise<void> {
  const { Bucket } = s3.placeOf(bucket, folder)
  let keys: string[] = []
  const removeThem = async () => {
    if (keys.length === 0) return
    const Objects = keys.map((key) => ({ Key: s3.placeOf(bucket, key).Key }))
    keys = []
    await explained(async () => {
      const command = new DeleteObjectsCommand({ Bucket, Delete: { Objects, Quiet: true } })
      const [failure] = (await s3.client.send(command)).Errors ?? []
      if (failure === undefined) return
      // As the SDK would throw it, had it been asked to remove this one alone.
      const isRefused = failure.Code === 'AccessDenied'
      throw Object.assign(new Error(failure.Message ?? 'not removed'), {
        name: failure.Code ?? 'InternalError',
        $metadata: { httpStatusCode: isRefused ? 403 : 500 },
      })
    })
  }
  for await (const { key } of s3.list(bucket, folder)) {
    if (keys.push(key) === keysPerRemoval) await removeThem()
  }
  await removeThem()
}
