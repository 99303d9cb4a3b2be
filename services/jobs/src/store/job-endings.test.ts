import { randomUUID } from 'node:crypto'
import type { Sequelize } from 'sequelize'
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest'
import { openDatabase } from '#kit/database.ts'
import { Reason } from '#kit/errors.ts'
import { createLogger } from '#kit/logger.ts'
import { migrate } from '#kit/migrate.ts'
import { reasonOf } from '#kit/rpc-errors.ts'
import { createTestDatabase, type TestDatabase } from '#kit/testing/postgres.ts'
import type { Job, JobKind } from '../domain/job.ts'
import { createJobStore, type JobStore } from './job-store.ts'

let database: TestDatabase
let sequelize: Sequelize
let store: JobStore

beforeAll(async () => {
  database = await createTestDatabase()
  await migrate(database.url, 'jobs', new URL('../../migrations/', import.meta.url))
  sequelize = openDatabase(database.url, 'jobs', createLogger('test', 'silent'), { poolSize: 20 })
  store = createJobStore(sequelize)
})
afterAll(async () => {
  await sequelize.close()
  await database.drop()
})
beforeEach(() => sequelize.query('delete from jobs'))

const [older, newer] = [randomUUID(), randomUUID()]
const failure = { reason: 'UPSTREAM_FAILED', message: 'The LMS is away.' }
const failed = { state: 'FAILED' as const, failure }
const canceled = { state: 'CANCELED' as const }
const succeeded = { state: 'SUCCEEDED' as const, outcome: '200', rowsDone: 7 }

function insert(kind: JobKind = 'ListProgramEnrollments', programId: string = randomUUID()): Promise<Job> {
  return store.insert({
    ...{ id: randomUUID(), kind, ownerId: randomUUID(), username: 'ann', programId, programKey: 'p' },
    ...{ organizationKey: 'o', courseId: null, courseKey: null, format: 'json', rowsTotal: null },
    ...{ includeAccounts: false, includeCourseStaff: false },
  })
}

test('a job is opened again by a run that is not the one that ended it, as if it had just been accepted', async () => {
  for (const ending of [failed, canceled]) {
    const { id } = await insert()
    await store.noteStanding(id, { state: 'RETRYING', attempt: 3, rowsDone: 9 })
    await store.end(id, ending, older)
    expect(await store.reopen(id, older)).toBe(false)
    expect(await store.reopen(id, newer)).toBe(true)
    expect(await store.find(id)).toMatchObject({ state: 'PENDING', attempt: 0, rowsDone: 0, failure: null })
    expect(await store.findStandpoints([id])).toEqual([
      { id, state: 'PENDING', endedRunId: null, endedSecondsAgo: 0 },
    ])
    expect(await store.reopen(id, newer)).toBe(false)
  }
})

test('a job that succeeded, one that was ended for good and one that is open stay as they are', async () => {
  const jobs = [await insert(), await insert(), await insert()] as const
  await store.end(jobs[0].id, succeeded, older)
  await store.end(jobs[1].id, failed)
  const before = await store.findAll(jobs.map(({ id }) => id))
  for (const { id } of jobs) {
    expect(await store.reopen(id, newer)).toBe(false)
    expect(await store.endAnew(id, canceled, newer)).toBe(false)
  }
  expect(await store.findAll(jobs.map(({ id }) => id))).toEqual(before)
})

test('a write is not opened again while another one of its program is open', async () => {
  const programId = randomUUID()
  const { id } = await insert('WriteProgramEnrollments', programId)
  await store.end(id, failed, older)
  const other = await insert('WriteCourseRunEnrollments', programId)
  const error = await store.reopen(id, newer).catch((thrown: unknown) => thrown)
  expect(reasonOf(error)).toBe(Reason.WRITE_IN_PROGRESS)
  // Its new run can still say how it ended.
  const inTheWay = { reason: 'WRITE_IN_PROGRESS', message: 'Another one is open.' }
  expect(await store.endAnew(id, { state: 'FAILED', failure: inTheWay }, newer)).toBe(true)
  expect(await store.find(id)).toMatchObject({ state: 'FAILED', failure: inTheWay })
  await store.end(other.id, canceled, older)
  expect(await store.reopen(id, older)).toBe(true)
  await expect(insert('WriteProgramEnrollments', programId)).rejects.toThrow('Job already in progress')
})

test('many that open a job again at the same instant open it once', async () => {
  const { id } = await insert()
  await store.end(id, failed, older)
  const opened = await Promise.all(Array.from({ length: 8 }, () => store.reopen(id, newer)))
  expect(opened.filter(Boolean)).toHaveLength(1)
})

test('a job is not ended on the word of somebody who looked before it changed', async () => {
  const seen = await insert()
  await store.noteStanding(seen.id, { state: 'IN_PROGRESS', attempt: 1, rowsDone: 1 })
  expect(await store.endUnchanged(seen, canceled, older)).toBe(false)
  const [now] = (await store.findOpen([seen.id])) as [Job]
  expect(await store.endUnchanged(now, failed, older)).toBe(true)
  expect(await store.find(seen.id)).toMatchObject({ state: 'FAILED', failure })
  expect(await store.endUnchanged(now, canceled, older)).toBe(false)
})

test('nobody else ends a job while its posted result is stored, and a result that cannot be stored ends nothing', async () => {
  const { id } = await insert()
  const storing = Promise.withResolvers<void>()
  const posting = store.endAfter(id, '207', () => storing.promise)
  const ending = store.end(id, failed, older)
  await new Promise((resolve) => setTimeout(resolve, 100))
  expect((await store.find(id))?.state).toBe('PENDING')
  storing.resolve()
  expect(await Promise.all([posting, ending])).toEqual([true, false])
  expect(await store.find(id)).toMatchObject({ state: 'SUCCEEDED', outcome: '207' })
  let isStored = false
  const again = store.endAfter(id, null, async () => {
    isStored = true
  })
  expect([await again, isStored]).toEqual([false, false])

  const other = await insert()
  const full = new Error('the disk is full')
  await expect(store.endAfter(other.id, null, () => Promise.reject(full))).rejects.toBe(full)
  expect((await store.find(other.id))?.state).toBe('PENDING')
})
