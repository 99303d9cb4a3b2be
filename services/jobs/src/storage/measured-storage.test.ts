import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { createMetrics, type Metrics } from '#kit/metrics.ts'
import { readMetrics } from '#kit/testing/read-metrics.ts'
import { describeStorage } from '../testing/storage-contract.ts'
import { createFolderStorage } from './folder-storage.ts'
import { measureStorage } from './measured-storage.ts'
import type { Chunk, Storage } from './storage.ts'

let root: string
let metrics: Metrics
let storage: Storage

beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), 'registrar-storage-'))
  metrics = createMetrics(false)
  storage = measureStorage(metrics, createFolderStorage(root))
})
afterEach(() => rm(root, { recursive: true }))

describeStorage('measured storage', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'registrar-storage-'))
  const measured = measureStorage(createMetrics(false), createFolderStorage(folder))
  return { storage: measured, stop: () => rm(folder, { recursive: true }) }
})

async function* chunks(...parts: (Chunk | Error)[]): AsyncGenerator<Chunk> {
  for (const part of parts) {
    if (part instanceof Error) throw part
    yield part
  }
}

test('what is asked is counted by what came of it, and bytes are those on disk', async () => {
  await storage.put('registrar', 'job-results/1.csv', chunks('é', Buffer.from('ab')))
  await storage.read('registrar', 'job-results/2.csv').catch(() => {})
  // Whoever makes the bytes fails: no fault of the storage's.
  const broken = chunks('a', new Error('the LMS is away'))
  await expect(storage.put('registrar', 'job-results/3.csv', broken)).rejects.toThrow('the LMS is away')
  await rm(root, { recursive: true })
  await writeFile(root, 'a file where the folder was')
  await expect(storage.put('registrar', 'job-results/4.csv', chunks(''))).rejects.toThrow()
  expect(await readMetrics(metrics, 'registrar_storage')).toEqual({
    'registrar_storage_operations_total{operation="put",outcome="ok"}': 1,
    'registrar_storage_operations_total{operation="read",outcome="not_found"}': 1,
    'registrar_storage_operations_total{operation="put",outcome="given_up"}': 1,
    'registrar_storage_operations_total{operation="put",outcome="unavailable"}': 1,
    registrar_storage_written_bytes_total: 5,
  })
})
