import { randomUUID } from 'node:crypto'
import type { Dirent, Stats } from 'node:fs'
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
import { type Chunk, type FoundObject, readChunkBytes, type Storage, type StoredObject } from './storage.ts'
import { watchChunks } from './watched-chunks.ts'

const copyBytes = 1_048_576

/**
 * Objects as files: `<root>/<bucket>/<key>`.
 *
 * Every process that shares the storage must see the same folder. A file is written beside its place under a name that starts with
 * a dot, brought to the disk and then renamed.
 */
export function createFolderStorage(root: string): Storage {
  return {
    async put(bucket, key, chunks) {
      const path = pathOf(root, bucket, key)
      const source = watchChunks(chunks)
      try {
        await writeWhole(path, (draft) => writeChunks(draft, source.chunks))
      } catch (error) {
        throw source.hasThrown(error) ? error : away(error)
      }
    },
    read: (bucket, key) => explained(() => readFrom(root, pathOf(root, bucket, key))),
    join(bucket, keys, key) {
      return explained(() =>
        joinFiles(
          keys.map((each) => pathOf(root, bucket, each)),
          pathOf(root, bucket, key),
        ),
      )
    },
    async list(bucket, folder) {
      const path = pathOf(root, bucket, folder)
      const files = await explained(() => filesOf(path))
      return files.map(({ name, size }) => ({ key: `${folder}/${name}`, size }))
    },
    remove: (bucket, key) => explained(() => rm(pathOf(root, bucket, key), { force: true })),
    removeFolder: (bucket, folder) =>
      explained(() => rm(pathOf(root, bucket, folder), { recursive: true, force: true })),
    async *walk(bucket, folder) {
      yield* explainedEach(walkFiles(pathOf(root, bucket, folder), folder))
    },
    removeUnfinished(bucket, folder, olderThanSeconds) {
      const before = Date.now() - olderThanSeconds * 1_000
      return explained(() => removeDrafts(pathOf(root, bucket, folder), before))
    },
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
  for await (const chunk of chunks) await writeAll(file, chunk)
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
    else await copyAll(paths, draft)
  })
}

async function copyAll(paths: readonly string[], path: string): Promise<void> {
  await using target = await open(path, 'wx', 0o640)
  // One piece of memory for all: what a stream would take for each piece is given back late.
  const buffer = Buffer.allocUnsafe(copyBytes)
  for (const each of paths) {
    await using part = await open(each, 'r')
    for (;;) {
      const { bytesRead } = await part.read(buffer)
      if (bytesRead === 0) break
      await writeAll(target, buffer.subarray(0, bytesRead))
    }
  }
  await target.datasync()
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

async function filesOf(folder: string): Promise<{ name: string; size: number }[]> {
  const names = (await entriesOf(folder))
    .filter((entry) => entry.isFile() && !entry.name.startsWith('.'))
    .map(({ name }) => name)
  names.sort(compareByCodePoint)
  return Promise.all(names.map(async (name) => ({ name, size: (await stat(join(folder, name))).size })))
}

async function* walkFiles(path: string, folder: string): AsyncGenerator<FoundObject> {
  for (const entry of await entriesOf(path)) {
    const key = `${folder}/${entry.name}`
    if (entry.name.startsWith('.')) continue
    if (entry.isDirectory()) yield* walkFiles(join(path, entry.name), key)
    if (!entry.isFile()) continue
    const about = await statOf(join(path, entry.name))
    if (about !== undefined) yield { key, size: about.size, modifiedAt: about.mtime }
  }
}

/** Removes files that were being written, last before a time in milliseconds since 1970, by processes that are gone. */
async function removeDrafts(path: string, before: number): Promise<number> {
  let removed = 0
  for (const entry of await entriesOf(path)) {
    const inner = join(path, entry.name)
    if (entry.isDirectory()) removed += await removeDrafts(inner, before)
    if (!entry.isFile() || !draftName.test(entry.name)) continue
    const about = await statOf(inner)
    if (about === undefined || about.mtimeMs > before) continue
    await rm(inner, { force: true })
    removed++
  }
  return removed
}

const draftName = /^\.[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/

/** What is in a folder; nothing when there is no such folder, or no longer. */
async function entriesOf(folder: string): Promise<Dirent[]> {
  try {
    return await readdir(folder, { withFileTypes: true })
  } catch (error) {
    if (isMissing(error)) return []
    throw error
  }
}

async function statOf(path: string): Promise<Stats | undefined> {
  try {
    return await stat(path)
  } catch (error) {
    if (isMissing(error)) return undefined
    throw error
  }
}

async function* explainedEach<T>(items: AsyncGenerator<T>): AsyncGenerator<T> {
  try {
    yield* items
  } catch (error) {
    throw away(error)
  }
}

async function explained<T>(work: () => Promise<T>): Promise<T> {
  try {
    return await work()
  } catch (error) {
    throw isMissing(error) ? objectNotFound() : away(error)
  }
}

function isMissing(error: unknown): boolean {
  const code = (error as NodeJS.ErrnoException).code
  return code === 'ENOENT' || code === 'ENOTDIR' || code === 'EISDIR' || code === 'ELOOP'
}

function away(error: unknown): unknown {
  const code = (error as NodeJS.ErrnoException).code
  if (error instanceof DomainError || code === undefined) return error
  const message = `the storage does not work (${code})`
  return new DomainError(Reason.UNAVAILABLE, message, { retryAfterSeconds: 5, cause: error })
}
