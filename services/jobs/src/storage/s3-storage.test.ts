import { execFileSync } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import {
  CreateMultipartUploadCommand,
  HeadObjectCommand,
  ListMultipartUploadsCommand,
  ListObjectsV2Command,
} from '@aws-sdk/client-s3'
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest'
import { Reason } from '#kit/errors.ts'
import { startTestS3, type TestS3 } from '../testing/s3.ts'
import { describeStorage } from '../testing/storage-contract.ts'
import { openS3Storage } from './open-s3-storage.ts'
import { createS3Client } from './s3-client.ts'
import { createS3Links } from './s3-links.ts'
import { createS3Storage } from './s3-storage.ts'
import type { Storage } from './storage.ts'

const Bucket = 'registrar'
const MiB = 1_048_576

let s3: TestS3
let storage: Storage

beforeAll(async () => {
  s3 = await startTestS3()
  storage = createS3Storage(s3.connect(), s3.config)
})
afterAll(() => s3.close())

describeStorage('S3 storage', async () => ({ storage, async stop() {} }))

async function textOf(key: string): Promise<string> {
  const { chunks } = await storage.read(Bucket, key)
  return Buffer.concat(await Array.fromAsync(chunks)).toString('utf8')
}

async function unfinishedUploads(prefix: string): Promise<number> {
  const { Uploads = [] } = await s3
    .connect()
    .send(new ListMultipartUploadsCommand({ Bucket, Prefix: prefix }))
  return Uploads.length
}

async function* pieces(count: number, bytes: number): AsyncGenerator<Uint8Array> {
  for (let index = 0; index < count; index++)
    yield Buffer.alloc(bytes, String.fromCharCode(97 + (index % 26)))
}

describe('joining', () => {
  test('large and small objects become one, the large ones without going through here', async () => {
    const sizes = [3 * MiB, 7 * MiB, 1, 0, 12 * MiB, 100, 2 * MiB]
    const whole: Buffer[] = []
    for (const [index, size] of sizes.entries()) {
      const bytes = Buffer.alloc(size, `${index}-of-the-parts,`)
      whole.push(bytes)
      await storage.put(Bucket, `mixed/${index}`, each(bytes))
    }
    await storage.join(
      Bucket,
      sizes.map((_, index) => `mixed/${index}`),
      'mixed/all.csv',
    )
    const { size, chunks } = await storage.read(Bucket, 'mixed/all.csv')
    const joined = Buffer.concat(await Array.fromAsync(chunks))
    expect(size).toBe(joined.length)
    expect(joined.equals(Buffer.concat(whole))).toBe(true)
    expect(await unfinishedUploads('mixed/')).toBe(0)
  })

  test('one that is refused leaves nothing', async () => {
    await storage.put(Bucket, 'broken/0', pieces(6, MiB))
    await storage.put(Bucket, 'broken/1', pieces(6, MiB))
    const failure = new Error('no')
    const client = s3.connect()
    client.middlewareStack.add(
      (next, { commandName }) =>
        async (args) => {
          const { PartNumber } = args.input as { PartNumber?: number }
          if (commandName === 'UploadPartCopyCommand' && PartNumber === 2) throw failure
          return next(args)
        },
      { step: 'initialize' },
    )
    const broken = createS3Storage(client, s3.config)
    await expect(broken.join(Bucket, ['broken/0', 'broken/1'], 'broken/all')).rejects.toBe(failure)
    await expect(storage.read(Bucket, 'broken/all')).rejects.toMatchObject({
      reason: Reason.OBJECT_NOT_FOUND,
    })
    expect(await unfinishedUploads('broken/')).toBe(0)
  })
})

describe('a storage that does not let us', () => {
  test('wrong keys are refused, and the message names neither bucket nor key', async () => {
    const stranger = createS3Storage(s3.connect({ accessKeyId: 'who', secretAccessKey: 'x' }), s3.config)
    for (const work of [
      () => stranger.put(Bucket, 'a-key/x', each('x')),
      () => stranger.put(Bucket, 'a-key/x', pieces(12, MiB)),
      () => stranger.list(Bucket, 'a-key'),
      () => stranger.removeFolder(Bucket, 'a-key'),
    ]) {
      const error = (await work().catch((thrown: unknown) => thrown)) as Error
      expect(error).toMatchObject({ reason: Reason.STORAGE_REFUSED })
      expect(error.message).toMatch(/^the storage refuses \(\w+\)$/)
    }
    expect(await unfinishedUploads('a-key/')).toBe(0)
  })

  test('a bucket that is not there is refused', async () => {
    for (const work of [
      storage.put('no-such-bucket', 'x', each('x')),
      storage.put('no-such-bucket', 'x', pieces(12, MiB)),
    ]) {
      await expect(work).rejects.toMatchObject({
        reason: Reason.STORAGE_REFUSED,
        message: 'the storage refuses (NoSuchBucket)',
      })
    }
  })
})

test('a server that dies in the middle of a write: the write can be tried again, and nothing else is left', async () => {
  const client = s3.connect()
  const own = createS3Storage(client, s3.config)
  await own.put(Bucket, 'killed/x', each('before'))
  const back = s3.process.restarted()
  async function* interrupted() {
    yield* pieces(30, MiB)
    s3.process.kill('SIGKILL')
    yield* pieces(30, MiB)
  }
  await expect(own.put(Bucket, 'killed/x', interrupted())).rejects.toMatchObject({
    reason: Reason.UNAVAILABLE,
    retryAfterSeconds: 5,
  })
  await back
  await expect.poll(() => textOf('killed/x').catch(String), { timeout: 30_000, interval: 200 }).toBe('before')
  expect(await unfinishedUploads('killed/')).toBe(1)
  await expect
    .poll(() => own.put(Bucket, 'killed/x', each('after')).then(() => 'put', String), { timeout: 30_000 })
    .toBe('put')
  expect(await textOf('killed/x')).toBe('after')
  expect(await unfinishedUploads('killed/')).toBe(0)
})

test('a server that is away is told as such, soon', async () => {
  const config = { ...s3.config, endpoint: 'http://127.0.0.1:9' }
  const away = createS3Storage(createS3Client(config, s3.credentials), config)
  await expect(away.put(Bucket, 'x', each('x'))).rejects.toMatchObject({
    reason: Reason.UNAVAILABLE,
    message: 'the storage does not work (ECONNREFUSED)',
  })
})

test('every key starts with the prefix, which nobody else sees', async () => {
  const prefixed = createS3Storage(s3.connect(), { ...s3.config, keyPrefix: 'schools/one/' })
  await prefixed.put(Bucket, 'f/1', each('x'))
  await prefixed.put(Bucket, 'f/2', each('y'))
  await prefixed.join(Bucket, ['f/1', 'f/2'], 'f/all')
  const { Contents = [] } = await s3
    .connect()
    .send(new ListObjectsV2Command({ Bucket, Prefix: 'schools/one/f/' }))
  expect(Contents.map(({ Key }) => Key)).toEqual(['schools/one/f/1', 'schools/one/f/2', 'schools/one/f/all'])
  expect((await prefixed.list(Bucket, 'f')).map(({ key }) => key)).toEqual(['f/1', 'f/2', 'f/all'])
  expect((await Array.fromAsync(prefixed.walk(Bucket, 'f'))).map(({ key }) => key)).toContain('f/all')
  await prefixed.removeFolder(Bucket, 'f')
  expect(await prefixed.list(Bucket, 'f')).toEqual([])
})

test('objects are encrypted as asked, by whatever way they are made', async () => {
  const client = s3.connect()
  const asked: (string | undefined)[] = []
  client.middlewareStack.add(
    (next) => async (args) => {
      const { ServerSideEncryption, SSEKMSKeyId } = args.input as Record<string, string>
      if (ServerSideEncryption !== undefined) asked.push(`${ServerSideEncryption} ${SSEKMSKeyId}`)
      return next(args)
    },
    { step: 'initialize' },
  )
  const encryption = { algorithm: 'AES256' as const }
  const encrypting = createS3Storage(client, { ...s3.config, encryption })
  await encrypting.put(Bucket, 'secret/1', each('x'))
  await encrypting.put(Bucket, 'secret/2', pieces(7, MiB))
  await encrypting.join(Bucket, ['secret/1'], 'secret/copy')
  await encrypting.join(Bucket, ['secret/1', 'secret/1'], 'secret/small')
  await encrypting.join(Bucket, ['secret/2', 'secret/2'], 'secret/large')
  for (const name of ['1', '2', 'copy', 'small', 'large']) {
    const { ServerSideEncryption } = await client.send(
      new HeadObjectCommand({ Bucket, Key: `secret/${name}` }),
    )
    expect(ServerSideEncryption, name).toBe('AES256')
  }
  expect(new Set(asked)).toEqual(new Set(['AES256 undefined']))
  asked.length = 0
  const kms = { algorithm: 'aws:kms' as const, kmsKeyId: 'key-1' }
  // Whether there is such a key is the server's business.
  await createS3Storage(client, { ...s3.config, encryption: kms })
    .put(Bucket, 'secret/kms', each('x'))
    .catch(() => {})
  expect(asked).toEqual(['aws:kms key-1'])
})

test('an upload that a killed process left is given up when it is old, one under way is not', async () => {
  const Key = 'left/x'
  await s3.connect().send(new CreateMultipartUploadCommand({ Bucket, Key }))
  expect(await storage.removeUnfinished(Bucket, 'left', 3_600)).toBe(0)
  expect(await unfinishedUploads('left/')).toBe(1)
  await new Promise((resolve) => setTimeout(resolve, 1_100))
  expect(await storage.removeUnfinished(Bucket, 'le', 0)).toBe(0)
  expect(await storage.removeUnfinished(Bucket, 'left', 0)).toBe(1)
  expect(await unfinishedUploads('left/')).toBe(0)
})

test('a link hands out the object as a file, until it expires, and nothing else', async () => {
  const links = createS3Links(s3.connect(), s3.config, { ttlSeconds: 60 })
  await storage.put(Bucket, 'reports/Ärger "1"__2020-01-02.csv', each('a,b\r\n'))
  const { url, expiresAt } = await links.linkTo(Bucket, 'reports/Ärger "1"__2020-01-02.csv')
  const response = await fetch(url)
  expect(response.status).toBe(200)
  expect(await response.text()).toBe('a,b\r\n')
  expect(response.headers.get('content-type')).toBe('text/csv; charset=utf-8')
  expect(response.headers.get('content-disposition')).toBe(
    `attachment; filename="_rger _1___2020-01-02.csv"; filename*=UTF-8''%C3%84rger%20%221%22__2020-01-02.csv`,
  )
  expect(Math.abs(expiresAt.getTime() - Date.now() - 60_000)).toBeLessThan(10_000)
  const changed = new URL(url)
  changed.searchParams.set('X-Amz-Expires', '61')
  expect((await fetch(changed)).status).toBe(403)
  const other = new URL(url)
  other.pathname = other.pathname.replace(/[^/]+$/, 'x')
  expect((await fetch(other)).status).toBe(403)
  const soon = createS3Links(s3.connect(), s3.config, { ttlSeconds: 1 })
  const brief = await soon.linkTo(Bucket, 'reports/x')
  await new Promise((resolve) => setTimeout(resolve, 2_100))
  expect((await fetch(brief.url)).status).toBe(403)
})

test('with S3_PUBLIC_URL links lead there, and open the object as well', async () => {
  const publicUrl = s3.endpoint.replace('127.0.0.1', 'localhost')
  for (const name of ['AWS_ACCESS_KEY_ID', 'AWS_SECRET_ACCESS_KEY'] as const) vi.stubEnv(name, s3.env[name])
  const opened = openS3Storage({ ...s3.config, publicUrl })
  try {
    await opened.storage.put(Bucket, 'reports/public.csv', each('a,b\r\n'))
    const links = opened.createLinks({ apiRoot: '', secret: '', ttlSeconds: 60 })
    const { url } = await links.linkTo(Bucket, 'reports/public.csv')
    expect(new URL(url).origin).toBe(publicUrl)
    expect(await (await fetch(url)).text()).toBe('a,b\r\n')
  } finally {
    opened.close()
    vi.unstubAllEnvs()
  }
})

test('the memory that writing takes does not grow with the object', () => {
  const script = fileURLToPath(new URL('../testing/put-large.ts', import.meta.url))
  const peakMiB = (bytes: number) =>
    Number(
      execFileSync(process.execPath, [script, s3.endpoint, String(bytes)], {
        encoding: 'utf8',
        env: {
          AWS_ACCESS_KEY_ID: s3.credentials.accessKeyId,
          AWS_SECRET_ACCESS_KEY: s3.credentials.secretAccessKey,
        },
      }),
    )
  // Up to a hundred the buffers of a multipart upload fill up.
  const [large, larger] = [peakMiB(100 * MiB), peakMiB(300 * MiB)]
  expect(larger - large).toBeLessThan(64)
})

async function* each<T>(...items: T[]): AsyncGenerator<T> {
  yield* items
}
