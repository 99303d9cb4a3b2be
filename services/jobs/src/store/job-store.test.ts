import { hash, randomUUID } from 'node:crypto'
import type { Sequelize } from 'sequelize'
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest'
import { openDatabase } from '#kit/database.ts'
import { Reason } from '#kit/errors.ts'
import { createLogger } from '#kit/logger.ts'
import { migrate } from '#kit/migrate.ts'
import { createTestDatabase, type TestDatabase } from '#kit/testing/postgres.ts'
import type { NewJob } from '../domain/job.ts'
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

const owner = randomUUID()

function newJob(more: Partial<NewJob> = {}): NewJob {
  return {
    id: randomUUID(),
    kind: 'ListProgramEnrollments',
    ownerId: owner,
    username: 'ann',
    programId: randomUUID(),
    programKey: 'p',
    organizationKey: 'o',
    courseId: null,
    courseKey: null,
    format: 'json',
    includeAccounts: false,
    includeCourseStaff: true,
    rowsTotal: null,
    ...more,
  }
}

const working = (rowsDone = 0) => ({ state: 'IN_PROGRESS' as const, attempt: 1, rowsDone })
const failure = { reason: 'UPSTREAM_FAILED', message: 'The LMS is away.' }

test('a job comes back as it was accepted, with its time to the microsecond', async () => {
  const wanted = newJob({ courseId: 'EXT', courseKey: 'course-v1:A+B+C', format: 'csv' })
  const before = BigInt(Date.now()) * 1000n
  const job = await store.insert(wanted)
  expect(job).toMatchObject({
    ...wanted,
    state: 'PENDING',
    attempt: 0,
    rowsDone: 0,
    rowsTotal: null,
    outcome: null,
  })
  expect(job.failure).toBeNull()
  expect(job.createdAt).toBeGreaterThan(before - 5_000_000n)
  expect(await store.find(job.id)).toEqual(job)
  const ids = await Promise.all(Array.from({ length: 8 }, () => store.insert(newJob())))
  expect(ids.some(({ createdAt }) => createdAt % 1000n !== 0n)).toBe(true)
  expect(await store.find(randomUUID())).toBeUndefined()
})

const keyed = (key: string, request = 'a') => ({ key, fingerprint: hash('sha256', request, 'buffer') })

test('a job is found by the key of its owner, and by no other', async () => {
  const job = await store.insert(newJob(), keyed('k'))
  expect(await store.findByKey(owner, keyed('k'))).toEqual(job)
  expect(await store.findByKey(owner, keyed('K'))).toBeUndefined()
  expect(await store.findByKey(randomUUID(), keyed('k'))).toBeUndefined()
  await expect(store.findByKey(owner, keyed('k', 'b'))).rejects.toMatchObject({
    reason: Reason.IDEMPOTENCY_KEY_REUSED,
  })
})

test('of jobs with one key at the same instant one is accepted, though they are of different programs', async () => {
  const results = await Promise.allSettled(
    Array.from({ length: 10 }, (_, n) => store.insert(newJob(), keyed('k', String(n)))),
  )
  expect(results.filter(({ status }) => status === 'fulfilled')).toHaveLength(1)
  expect((await store.list({}, 100)).length).toBe(1)
  await store.insert(newJob({ ownerId: randomUUID() }), keyed('k'))
  await Promise.all([store.insert(newJob()), store.insert(newJob())])
})

test('a key means another request a day later, and the job it meant stays', async () => {
  const old = await store.insert(newJob(), keyed('k'))
  const age = (span: string) =>
    sequelize.query(
      `update jobs set created_at = clock_timestamp() - interval '${span}' where id = '${old.id}'`,
    )
  await age('23 hours 59 minutes')
  expect((await store.findByKey(owner, keyed('k')))?.id).toBe(old.id)
  await age('24 hours 1 second')
  expect(await store.findByKey(owner, keyed('k', 'b'))).toBeUndefined()
  const fresh = await store.insert(newJob(), keyed('k', 'b'))
  expect((await store.findByKey(owner, keyed('k', 'b')))?.id).toBe(fresh.id)
  expect((await store.find(old.id))?.id).toBe(old.id)
})

test('of two uploads to a program at the same instant one is accepted, whatever their kinds', async () => {
  const programId = randomUUID()
  const kinds = ['WriteProgramEnrollments', 'WriteCourseRunEnrollments'] as const
  const results = await Promise.allSettled(
    Array.from({ length: 10 }, (_, n) => store.insert(newJob({ programId, kind: kinds[n % 2] }))),
  )
  expect(results.filter(({ status }) => status === 'fulfilled')).toHaveLength(1)
  for (const result of results) {
    if (result.status === 'rejected') {
      expect(result.reason).toMatchObject({
        reason: Reason.WRITE_IN_PROGRESS,
        message: 'Job already in progress for program',
      })
    }
  }
})

test.each(['SUCCEEDED', 'FAILED', 'CANCELED'] as const)(
  'an upload keeps others out until it is %s; reads and other programs pass',
  async (state) => {
    const kind = 'WriteProgramEnrollments'
    const programId = randomUUID()
    const { id } = await store.insert(newJob({ programId, kind }))
    await store.noteStanding(id, { ...working(), state: 'RETRYING' })
    await expect(store.assertNoOpenWrite(programId)).rejects.toMatchObject({
      reason: Reason.WRITE_IN_PROGRESS,
    })
    await store.insert(newJob({ programId }))
    await store.insert(newJob({ kind }))
    await store.assertNoOpenWrite(randomUUID())
    await store.end(id, { state, failure, outcome: '200', rowsDone: 1 })
    await store.assertNoOpenWrite(programId)
    await store.insert(newJob({ programId, kind }))
  },
)

test('what has ended does not change again', async () => {
  const { id } = await store.insert(newJob({ rowsTotal: 9 }))
  expect(await store.noteStanding(id, working(5))).toBe(true)
  expect(await store.end(id, { state: 'SUCCEEDED', outcome: '207', rowsDone: 9 })).toBe(true)
  const ended = await store.find(id)
  expect(ended).toMatchObject({ state: 'SUCCEEDED', outcome: '207', rowsDone: 9, rowsTotal: 9, attempt: 1 })
  expect(await store.noteStanding(id, working())).toBe(false)
  expect(await store.noteTrouble(id, 2, failure)).toBe(false)
  expect(await store.end(id, { state: 'CANCELED' })).toBe(false)
  expect(await store.end(id, { state: 'FAILED', failure })).toBe(false)
  expect(await store.cancelPending(id)).toBe(false)
  expect(await store.find(id)).toEqual(ended)
})

test('of many that end a job at once one does', async () => {
  const { id } = await store.insert(newJob())
  const ends = await Promise.all([
    ...Array.from({ length: 5 }, () => store.end(id, { state: 'CANCELED' })),
    ...Array.from({ length: 5 }, () => store.end(id, { state: 'FAILED', failure })),
    store.cancelPending(id),
  ])
  expect(ends.filter(Boolean)).toHaveLength(1)
})

test('a job is cancelled at once only before work on it has begun', async () => {
  const [waiting, begun] = [await store.insert(newJob()), await store.insert(newJob())]
  await store.noteStanding(begun.id, working())
  expect(await store.cancelPending(waiting.id)).toBe(true)
  expect(await store.cancelPending(begun.id)).toBe(false)
  expect(await store.find(waiting.id)).toMatchObject({ state: 'CANCELED' })
})

test('trouble is told while the job tries again, and its failure when it has given up', async () => {
  const { id } = await store.insert(newJob())
  await store.noteTrouble(id, 3, failure)
  expect(await store.find(id)).toMatchObject({ state: 'RETRYING', attempt: 3, failure })
  const last = { reason: 'TIME_LIMIT', message: 'too long' }
  await store.end(id, { state: 'FAILED', failure: last })
  expect(await store.find(id)).toMatchObject({ state: 'FAILED', failure: last })
})

test('pages of a list meet every job once, newest first, also those of the same microsecond', async () => {
  for (let n = 0; n < 10; n++) await store.insert(newJob())
  await sequelize.query("update jobs set created_at = '2026-01-01T00:00:00.123456Z' where random() < 0.7")
  const all = await store.list({}, 100)
  expect(all).toHaveLength(10)
  const seen: string[] = []
  let after: { createdAt: bigint; id: string } | undefined
  for (;;) {
    const page = await store.list({}, 3, after)
    seen.push(...page.map(({ id }) => id))
    after = page.at(-1)
    if (page.length < 3) break
  }
  expect(seen).toEqual(all.map(({ id }) => id))
  expect(all.map(({ createdAt }) => createdAt)).toEqual(
    all.map(({ createdAt }) => createdAt).toSorted((a, b) => (a < b ? 1 : -1)),
  )
})

test('lists keep to owner, states and program', async () => {
  const mine = await store.insert(newJob({ programKey: 'a' }))
  const other = await store.insert(newJob({ ownerId: randomUUID(), programKey: 'b' }))
  await store.noteStanding(mine.id, working())
  const idsOf = async (filter: Parameters<JobStore['list']>[0]) =>
    (await store.list(filter, 10)).map(({ id }) => id)
  expect(await idsOf({ ownerId: owner })).toEqual([mine.id])
  expect(await idsOf({ states: ['PENDING', 'RETRYING'] })).toEqual([other.id])
  expect(await idsOf({ programKey: 'b' })).toEqual([other.id])
  expect(await idsOf({ ownerId: owner, programKey: 'b' })).toEqual([])
  expect(await idsOf({ programKey: "' or 1=1 --" })).toEqual([])
})

test('sweeps at the same time take different open jobs, and none again for a while', async () => {
  const jobs = await Promise.all(Array.from({ length: 12 }, () => store.insert(newJob())))
  await store.end(jobs[0]?.id as string, { state: 'CANCELED' })
  expect(await store.takeUnchecked(60, 100)).toEqual([])
  await sequelize.query("update jobs set checked_at = checked_at - interval '2 minutes'")
  const taken = (await Promise.all([1, 2, 3].map(() => store.takeUnchecked(60, 4)))).flat()
  expect(new Set(taken.map(({ id }) => id)).size).toBe(taken.length)
  const rest = await store.takeUnchecked(60, 100)
  expect(taken.length + rest.length).toBe(11)
  expect(await store.takeUnchecked(60, 100)).toEqual([])
  await store.askForCheck(jobs[5]?.id as string)
  expect((await store.takeUnchecked(60, 100)).map(({ id }) => id)).toEqual([jobs[5]?.id])
})

test('only what has ended long enough ago is found and removed', async () => {
  const [old, fresh, open] = [
    await store.insert(newJob()),
    await store.insert(newJob()),
    await store.insert(newJob()),
  ]
  for (const { id } of [old, fresh]) await store.end(id, { state: 'CANCELED' })
  await sequelize.query("update jobs set ended_at = ended_at - interval '1 day' where id = $1", {
    bind: [old.id],
  })
  expect(await store.listEndedBefore(3600, 10)).toEqual([{ id: old.id, format: 'json' }])
  expect(await store.remove([old.id, open.id])).toBe(1)
  expect(await store.find(open.id)).toBeDefined()
})
