import { randomUUID } from 'node:crypto'
import type { Sequelize } from 'sequelize'
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest'
import { openDatabase } from '#kit/database.ts'
import { createLogger } from '#kit/logger.ts'
import { createMetrics, type Metrics } from '#kit/metrics.ts'
import { migrate } from '#kit/migrate.ts'
import { createTestDatabase, type TestDatabase } from '#kit/testing/postgres.ts'
import { readMetrics } from '#kit/testing/read-metrics.ts'
import type { Activities } from '../activities/index.ts'
import type { JobKind } from '../domain/job.ts'
import { countOpenJobs } from '../store/job-statistics.ts'
import { createJobStore, type JobStore } from '../store/job-store.ts'
import { countEndings } from './ended-jobs.ts'
import { exposeOpenJobs } from './open-jobs.ts'
import { countRows } from './rows.ts'

let database: TestDatabase
let sequelize: Sequelize
let metrics: Metrics
let store: JobStore

beforeAll(async () => {
  database = await createTestDatabase()
  await migrate(database.url, 'jobs', new URL('../../migrations/', import.meta.url))
  sequelize = openDatabase(database.url, 'jobs', createLogger('test', 'silent'))
})
afterAll(async () => {
  await sequelize.close()
  await database.drop()
})
beforeEach(async () => {
  await sequelize.query('delete from jobs')
  metrics = createMetrics(false)
  store = countEndings(metrics, createJobStore(sequelize))
  exposeOpenJobs(metrics, store)
})

async function accept(kind: JobKind): Promise<string> {
  const { id } = await store.insert({
    ...{ id: randomUUID(), kind, ownerId: randomUUID(), username: 'ann', programId: randomUUID() },
    ...{ programKey: 'p', organizationKey: 'o', courseId: null, courseKey: null, format: 'json' },
    ...{ includeAccounts: false, includeCourseStaff: true, rowsTotal: null },
  })
  return id
}

/** Of those that have counted something. */
async function counted(prefix: string) {
  return Object.fromEntries(
    Object.entries(await readMetrics(metrics, prefix)).filter(([, value]) => value > 0),
  )
}

test('open jobs are told by kind and state, with the age of the oldest', async () => {
  const [, second] = [await accept('GetCourseRunGrades'), await accept('GetCourseRunGrades')]
  await accept('WriteProgramEnrollments')
  await sequelize.query("update jobs set created_at = now() - interval '90 seconds' where id = :second", {
    replacements: { second },
  })
  await store.noteStanding(second, { state: 'RETRYING', attempt: 2, rowsDone: 0 })
  const values = await counted('registrar_jobs_open')
  expect(values).toMatchObject({
    'registrar_jobs_open{kind="GetCourseRunGrades",state="pending"}': 1,
    'registrar_jobs_open{kind="GetCourseRunGrades",state="retrying"}': 1,
    'registrar_jobs_open{kind="WriteProgramEnrollments",state="pending"}': 1,
  })
  const age = values['registrar_jobs_open_oldest_seconds{kind="GetCourseRunGrades",state="retrying"}']
  expect(age).toBeGreaterThanOrEqual(90)
  // What there is none of is told, too: an alert needs a value to come back to.
  expect(Object.keys(await readMetrics(metrics, 'registrar_jobs_open'))).toHaveLength(6 * 3 * 2)
})

test('however many jobs have ended, only the open ones are read', async () => {
  await sequelize.query(
    `insert into jobs (id, kind, state, owner_id, username, program_id, program_key, organization_key, format,
       include_accounts, include_course_staff, ended_at)
     select gen_random_uuid(), 'GetCourseRunGrades', 'SUCCEEDED', gen_random_uuid(), 'ann', gen_random_uuid(), 'p', 'o',
       'csv', false, false, now() from generate_series(1, 20000)`,
  )
  await sequelize.query('analyze jobs')
  const [plan] = await sequelize.query(`explain ${countOpenJobs}`)
  expect(JSON.stringify(plan)).toContain('jobs_open_by_check')
})

test('while the table cannot be read nothing is told of it, and the rest is', async () => {
  await accept('GetCourseRunGrades')
  await sequelize.query('alter table jobs rename to elsewhere')
  const text = await metrics.render()
  await sequelize.query('alter table elsewhere rename to jobs')
  expect(text).not.toMatch(/^registrar_jobs_open/m)
  expect(text).toContain('\nregistrar_metrics_source_up{source="jobs"} 0\n')
  expect(text).toMatch(/^registrar_job_duration_seconds_count\{/m)
})

test('jobs are counted once when they end, however they do, with the time since they were accepted', async () => {
  const kind = 'ListProgramEnrollments'
  const ids = await Promise.all(Array.from({ length: 4 }, () => accept(kind)))
  const [succeeded = '', failed = '', cancelled = '', posted = ''] = ids
  await sequelize.query("update jobs set created_at = created_at - interval '40 seconds'")
  const failure = { reason: 'UPSTREAM_FAILED', message: 'The LMS is away.' }
  await store.end(succeeded, { state: 'SUCCEEDED', outcome: null, rowsDone: 1 }, randomUUID())
  await store.end(succeeded, { state: 'SUCCEEDED', outcome: null, rowsDone: 1 }, randomUUID())
  await store.end(failed, { state: 'FAILED', failure }, randomUUID())
  await store.endAnew(failed, { state: 'FAILED', failure }, randomUUID())
  await store.cancelPending(cancelled)
  await store.endAfter(posted, null, async () => {})
  const series = (outcome: string) =>
    `registrar_job_duration_seconds_count{kind="${kind}",outcome="${outcome}"}`
  await expect
    .poll(() => counted('registrar_job_duration'))
    .toEqual({
      [series('succeeded')]: 2,
      // By two runs of its workflow.
      [series('failed')]: 2,
      [series('canceled')]: 1,
    })
  const text = await metrics.render()
  const bucket = (le: number) =>
    `registrar_job_duration_seconds_bucket{le="${le}",kind="${kind}",outcome="succeeded"}`
  expect(text).toContain(`${bucket(30)} 0\n`)
  expect(text).toContain(`${bucket(60)} 2\n`)
})

test('rows are counted by the part', async () => {
  const part = async (_: unknown, from: { rows: number }) => ({ ...from, rows: from.rows + 50 })
  const activities = countRows(metrics, { readPart: part, writePart: part } as unknown as Activities)
  const progress = { rows: 100 } as never
  await activities.readPart({ kind: 'GetCourseRunGrades' } as never, progress, 0)
  await activities.writePart({ kind: 'WriteProgramEnrollments' } as never, progress, 0)
  await activities.writePart({ kind: 'WriteProgramEnrollments' } as never, progress, 0)
  expect(await counted('registrar_job_rows')).toEqual({
    'registrar_job_rows_total{kind="GetCourseRunGrades"}': 50,
    'registrar_job_rows_total{kind="WriteProgramEnrollments"}': 100,
  })
})
