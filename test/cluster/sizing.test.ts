import { expect, test } from 'vitest'
import { type ProcessFigures, sizingTable } from './sizing.ts'

const work = { get: 0, patch: 0, read: 0, upload: 0 }
const names = [
  ...['gateway', 'gateway-2', 'access-control', 'catalog', 'enrollment', 'jobs', 'jobs-worker'],
  ...['jobs-worker-2', 'postgres', 'temporal-frontend', 's3'],
]
const idle: ProcessFigures[] = names.map((name) => ({ name, atRest: 10, perUnit: work, mebibytes: 100 }))
const stored = { enrollment: 100, job: 0, temporalJob: 0 }
const rowOf = (table: string[], title: string) => table.find((row) => row.startsWith(`| ${title} |`))

test('what nobody calls takes what it takes at rest, of as many as there are', () => {
  const table = sizingTable(idle, stored)
  const two = '2: 0.02 cores, 200 MiB'
  expect(rowOf(table, 'gateway')).toBe(`| gateway | ${two} | ${two} | ${two} |`)
  expect(rowOf(table, 'jobs')).toContain('| 1: 0.01 cores, 100 MiB |')
  expect(table.at(-1)).toMatch(/\| 0\.010 GB, 0\.0 GB, 0\.15 GB \| 0\.10 GB/)
})

test('a quarter of a day’s work comes in an hour, and a process has half a core of it', () => {
  // 1,000 schools × 2,000 requests / 4 / 3,600 s = 139 requests/s.
  const busy = idle.map((each) =>
    each.name === 'catalog' ? { ...each, perUnit: { ...work, get: 7.2 } } : each,
  )
  expect(rowOf(sizingTable(busy, stored), 'catalog')).toBe(
    '| catalog | 1: 0.02 cores, 100 MiB | 1: 0.11 cores, 100 MiB | 3: 1.01 cores, 300 MiB |',
  )
})
