import {
  type CompletedPart,
  CompleteMultipartUploadCommand,
  CopyObjectCommand,
  CreateMultipartUploadCommand,
  GetObjectCommand,
  HeadObjectCommand,
  PutObjectCommand,
  type S3Client,
  UploadPartCommand,
  UploadPartCopyCommand,
} from '@aws-sdk/client-s3'
import { type JoinPart, maximumCopyBytes, type Piece, planJoin } from './join-plan.ts'
import type { S3Bucket, S3Place } from './s3-bucket.ts'

// Requests under way at once; as many parts are in memory, those that are not copied on the server's side.
const headsAtOnce = 16
const partsAtOnce = 4
const piecesAtOnce = 4

/** An object to join, as it was when the joining began. */
type Source = { place: S3Place; size: number; etag: string | undefined }

/**
 * Makes one object of others. Whatever is large enough is copied on the server's side; what is too small for a part of its own goes
 * through here. The object is there when its last part is.
 */
export async function joinObjects(
  s3: S3Bucket,
  places: readonly S3Place[],
  target: S3Place,
  writing: object,
): Promise<void> {
  const { client } = s3
  const sources = await mapSome(places, headsAtOnce, (place) => lookAt(client, place))
  const [first, second] = sources
  if (first !== undefined && second === undefined && first.size <= maximumCopyBytes) {
    await client.send(
      new CopyObjectCommand({
        ...{ ...target, ...writing, ...copySourceOf(first) },
        // Ours, instead of what the other object has.
        MetadataDirective: 'REPLACE',
      }),
    )
    return
  }
  const plan = planJoin(sources.map(({ size }) => size))
  const [only, more] = plan
  if (only === undefined || (more === undefined && 'pieces' in only)) {
    const Body = await readPieces(client, sources, only === undefined ? [] : only.pieces)
    await client.send(new PutObjectCommand({ ...target, ...writing, Body }))
    return
  }
  await joinInParts(s3, sources, plan, target, writing)
}

async function joinInParts(
  s3: S3Bucket,
  sources: readonly Source[],
  plan: readonly JoinPart[],
  target: S3Place,
  writing: object,
): Promise<void> {
  const { client } = s3
  const wantsChecksums = (await client.config.requestChecksumCalculation()) === 'WHEN_SUPPORTED'
  const { UploadId = '' } = await client.send(
    new CreateMultipartUploadCommand({
      ...{ ...target, ...writing },
      // Parts that we send come with it, so the whole must be of its kind.
      ...(wantsChecksums && { ChecksumAlgorithm: 'CRC32' as const }),
    }),
  )
  try {
    const Parts = await mapSome(plan, partsAtOnce, async (part, index): Promise<CompletedPart> => {
      const about = { ...target, UploadId, PartNumber: index + 1 }
      const { ETag, ChecksumCRC32 } =
        'copy' in part
          ? await copyPart(client, sources, part.copy, about)
          : await client.send(
              new UploadPartCommand({ ...about, Body: await readPieces(client, sources, part.pieces) }),
            )
      return { PartNumber: about.PartNumber, ETag, ...(ChecksumCRC32 !== undefined && { ChecksumCRC32 }) }
    })
    await client.send(new CompleteMultipartUploadCommand({ ...target, UploadId, MultipartUpload: { Parts } }))
  } catch (error) {
    await s3.abort(target, UploadId)
    throw error
  }
}

async function copyPart(
  client: S3Client,
  sources: readonly Source[],
  { source, start, end }: Piece,
  about: S3Place & { UploadId: string; PartNumber: number },
) {
  const { CopyPartResult } = await client.send(
    new UploadPartCopyCommand({
      ...{ ...about, ...copySourceOf(sources[source] as Source) },
      CopySourceRange: `bytes=${start}-${end - 1}`,
    }),
  )
  return { ETag: CopyPartResult?.ETag, ChecksumCRC32: CopyPartResult?.ChecksumCRC32 }
}

async function lookAt(client: S3Client, place: S3Place): Promise<Source> {
  const { ContentLength = 0, ETag } = await client.send(new HeadObjectCommand(place))
  return { place, size: ContentLength, etag: ETag }
}

function copySourceOf({ place, etag }: Source) {
  const path = [place.Bucket, ...place.Key.split('/')].map(encodeURIComponent).join('/')
  return { CopySource: path, ...(etag !== undefined && { CopySourceIfMatch: etag }) }
}

async function readPieces(
  client: S3Client,
  sources: readonly Source[],
  pieces: readonly Piece[],
): Promise<Uint8Array> {
  const read = await mapSome(pieces, piecesAtOnce, async ({ source, start, end }) => {
    const { place, etag } = sources[source] as Source
    const Range = `bytes=${start}-${end - 1}`
    const { Body } = await client.send(
      new GetObjectCommand({ ...place, Range, ...(etag !== undefined && { IfMatch: etag }) }),
    )
    return (await Body?.transformToByteArray()) ?? Buffer.alloc(0)
  })
  return Buffer.concat(read)
}

/** The results of some work on each item, in order, with so many under way at once. Nothing new is begun after a failure. */
async function mapSome<T, R>(
  items: readonly T[],
  atOnce: number,
  work: (item: T, index: number) => Promise<R>,
): Promise<R[]> {
  const results: R[] = []
  const rest = items.entries()
  let hasFailed = false
  const lanes = Array.from({ length: Math.min(atOnce, items.length) }, async () => {
    for (const [index, item] of rest) {
      if (hasFailed) return
      try {
        results[index] = await work(item, index)
      } catch (error) {
        hasFailed = true
        throw error
      }
    }
  })
  // All of them, so that nothing is under way any more when the caller clears up.
  const ended = await Promise.allSettled(lanes)
  const failed = ended.find(({ status }) => status === 'rejected')
  if (failed !== undefined) throw (failed as PromiseRejectedResult).reason
  return results
}
