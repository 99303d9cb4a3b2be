import { randomUUID } from 'node:crypto'
import type { Dirent } from 'node:fs'
import {
  constants,
  type FileHandle,
  link,
  mkdir,
  open,
  readdir,
  realpath,
  rename,
  rm,
  stat,
} from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { DomainError, Reason } from '#kit/errors.ts'
import { compareByCodePoint } from '../domain/code-points.ts'
import { isWithin, objectNotFound, pathOf } from './object-paths.ts'
import { type Chunk, readChunkBytes, type Storage, type StoredObject } from './storage.ts'

/**
 * Objects as files: `<root>/<bucket>/<key>`.
 *
 * Every process that shares the storage must see the same folder. A file is written beside its place under a name that starts with
 * a dot, brought to the disk and then renamed.
 */
export function createFolderStorage(root: string): Storage {
  return {
    put: (bucket, key, chunks) =>
      explained(() => writeWhole(pathOf(root, bucket, key), (draft) => writeChunks(draft, chunks))),
    read: (bucket, key) => explained(() => readFrom(root, pathOf(root, bucket, key))),
    join: (bucket, keys, key) =>
      explained(() =>
        joinFiles(
          keys.map((each) => pathOf(root, bucket, each)),
          pathOf(root, bucket, key),
        ),
      ),
    list: (bucket, folder) =>
      explained(async () => {
        const path = pathOf(root, bucket, folder)
        const files = (await entriesOf(path)).filter((entry) => entry.isFile() && !entry.name.startsWith('.'))
        files.sort((a, b) => compareByCodePoint(a.name, b.name))
        return Promise.all(
          files.map(async ({ name }) => ({
            key: `${folder}/${name}`,
            size: (await stat(join(path, name))).size,
          })),
        )
      }),
    remove: (bucket, key) => explained(() => rm(pathOf(root, bucket, key), { force: true })),
    removeFolder: (bucket, folder) =>
      explained(() => rm(pathOf(root, bucket, folder), { recursive: true, force: true })),
  }
}

async function writeWhole(path: string, write: (draft: string) => Promise<void>): Promise<void> {
  await mkdir(dirname(path), { recursive: true })
  const draft = join(dirname(path), `.${randomUUID()}`)
  try {
    await write(draft)
    await rename(draft, path)
  } catch (error) {
    await rm(draft, { force: true })
    throw error
  }
}

async function writeChunks(path: string, chunks: AsyncIterable<Chunk>): Promise<void> {
  await using file = await open(path, 'wx', 0o640)
  for await (const chunk of fromSource(chunks)) await writeAll(file, chunk)
  await file.datasync()
}

async function writeAll(file: FileHandle, chunk: Chunk): Promise<void> {
  let rest = typeof chunk === 'string' ? Buffer.from(chunk) : chunk
  while (rest.byteLength > 0) rest = rest.subarray((await file.write(rest)).bytesWritten)
}

async function joinFiles(paths: readonly string[], path: string): Promise<void> {
  const [only, ...more] = paths
  await writeWhole(path, async (draft) => {
    // A second name for the same bytes, which no one changes in place.
    if (only !== undefined && more.length === 0) await link(only, draft)
    else await writeChunks(draft, readAll(paths))
  })
}

async function* readAll(paths: readonly string[]): AsyncGenerator<Uint8Array> {
  for (const path of paths) yield* readChunks(path)
}

async function readFrom(root: string, path: string): Promise<StoredObject> {
  if (!isWithin(await realpath(root), await realpath(path))) throw objectNotFound()
  const about = await stat(path)
  if (!about.isFile()) throw objectNotFound()
  return { size: about.size, chunks: readChunks(path) }
}

// Opened when the reading starts; the stream closes the file, also when its reader stops early.
async function* readChunks(path: string): AsyncGenerator<Uint8Array> {
  const file = await open(path, constants.O_RDONLY | constants.O_NOFOLLOW)
  yield* file.createReadStream({ highWaterMark: readChunkBytes })
}

async function entriesOf(path: string): Promise<Dirent[]> {
  try {
    return await readdir(path, { withFileTypes: true })
  } catch (error) {
    if (isMissing(error)) return []
    throw error
  }
}

const sourceErrors = new WeakSet<object>()

// Marks what the chunks throw, which is not about the storage and goes on as it is.
async function* fromSource(chunks: AsyncIterable<Chunk>): AsyncGenerator<Chunk> {
  try {
    yield* chunks
  } catch (error) {
    if (typeof error === 'object' && error !== null) sourceErrors.add(error)
    throw error
  }
}

async function explained<T>(work: () => Promise<T>): Promise<T> {
  try {
    return await work()
  } catch (error) {
    if (error instanceof DomainError || sourceErrors.has(error as object)) throw error
    if (isMissing(error)) throw objectNotFound()
    const code = (error as NodeJS.ErrnoException).code
    if (code === undefined) throw error
    throw new DomainError(Reason.UNAVAILABLE, `the storage does not work (${code})`, {
      retryAfterSeconds: 5,
      cause: error,
    })
  }
}

function isMissing(error: unknown): boolean {
  const code = (error as NodeJS.ErrnoException).code
  return code === 'ENOENT' || code === 'ENOTDIR' || code === 'EISDIR' || code === 'ELOOP'
}
