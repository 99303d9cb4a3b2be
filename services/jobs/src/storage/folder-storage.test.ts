import { randomUUID } from 'node:crypto'
import { mkdir, mkdtemp, readdir, rm, symlink, utimes, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { DomainError, Reason } from '#kit/errors.ts'
import { describeStorage } from '../testing/storage-contract.ts'
import { createFolderStorage } from './folder-storage.ts'

describeStorage('folder storage', async () => {
  const root = await mkdtemp(join(tmpdir(), 'registrar-storage-'))
  return { storage: createFolderStorage(root), stop: () => rm(root, { recursive: true }) }
})

let outside: string
let root: string

beforeAll(async () => {
  outside = await mkdtemp(join(tmpdir(), 'registrar-storage-'))
  root = join(outside, 'media')
  await mkdir(join(root, 'registrar'), { recursive: true })
  await writeFile(join(outside, 'secret'), 'secret')
})
afterAll(() => rm(outside, { recursive: true }))

test('an object lies in the folder of its bucket, under its key', async () => {
  const storage = createFolderStorage(root)
  await writeFile(join(root, 'registrar', 'by-hand.csv'), 'x')
  expect(await storage.list('registrar', 'job-results')).toEqual([])
  await storage.put('registrar', 'job-results/1.json', one('[]'))
  expect(await readdir(join(root, 'registrar', 'job-results'))).toEqual(['1.json'])
  expect((await storage.read('registrar', 'by-hand.csv')).size).toBe(1)
})

test('links do not lead out of the folder', async () => {
  const storage = createFolderStorage(root)
  await symlink(join(outside, 'secret'), join(root, 'registrar', 'file'))
  await symlink(outside, join(root, 'registrar', 'folder'))
  for (const key of ['file', 'folder/secret']) {
    await expect(storage.read('registrar', key)).rejects.toMatchObject({ reason: Reason.OBJECT_NOT_FOUND })
  }
  await symlink(join(outside, 'secret'), join(root, 'registrar', 'job-results', 'link'))
  expect((await storage.list('registrar', 'job-results')).map(({ key }) => key)).toEqual([
    'job-results/1.json',
  ])
})

test('a draft that a killed process left is no object', async () => {
  const storage = createFolderStorage(root)
  await mkdir(join(root, 'registrar', 'left'))
  const draft = join(root, 'registrar', 'left', `.${randomUUID()}`)
  await writeFile(draft, 'half')
  expect(await storage.list('registrar', 'left')).toEqual([])
  expect(await Array.fromAsync(storage.walk('registrar', 'left'))).toEqual([])

  await writeFile(join(root, 'registrar', 'left', '.keep'), 'not ours')
  expect(await storage.removeUnfinished('registrar', 'left', 60)).toBe(0)
  const then = new Date(Date.now() - 61_000)
  await utimes(draft, then, then)
  expect(await storage.removeUnfinished('registrar', 'left', 60)).toBe(1)
  expect(await readdir(join(root, 'registrar', 'left'))).toEqual(['.keep'])
})

test('a storage that cannot be written to is away, and its path is told to nobody', async () => {
  const storage = createFolderStorage(join(root, 'registrar', 'by-hand.csv'))
  const error = await storage.put('registrar', 'x', one('x')).catch((thrown: unknown) => thrown)
  expect(error).toBeInstanceOf(DomainError)
  expect(error).toMatchObject({ reason: Reason.UNAVAILABLE })
  expect((error as Error).message).not.toContain(root)
})

async function* one<T>(item: T): AsyncGenerator<T> {
  yield item
}
