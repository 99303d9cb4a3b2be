import { randomUUID } from 'node:crypto'
import { once } from 'node:events'
import { readdir } from 'node:fs/promises'
import { join } from 'node:path'
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest'
import { DomainError, Reason } from '#kit/errors.ts'
import { type Job, JobKind, JobState, ResultFormat } from '#proto/registrar/jobs/v1/job_pb.ts'
import {
  hasEnded,
  type JobsClient,
  readResult,
  startTestStack,
  type TestStack,
  waitForJob,
} from '../testing/stack.ts'

let stack: TestStack
let client: JobsClient

const partRows = 3_000

beforeAll(async () => {
  stack = await startTestStack({ JOB_PART_ROWS: String(partRows) })
  stack.peers.programs.set('masters', {
    ...{ id: randomUUID(), discoveryUuid: randomUUID(), organizationKey: 'school' },
    courses: { 'course-v1:A+B+C': 'EXT-1', 'course-v1:D+E+F': '', 'course-v1:G+H+I': 'EXT-3' },
  })
})
afterAll(() => stack.stop())
beforeEach(() => {
  client = stack.as('partner')
  Object.assign(stack.peers.enrollment, {
    ...{ rows: 3, courseRows: {}, grades: [], pageDelayMs: 0, streamsFrom: [], failures: [] },
  })
})

async function start(
  kind: JobKind,
  format: ResultFormat = ResultFormat.JSON,
  courseId = '',
): Promise<string> {
  const { job } = await client.createReadJob({ kind, programKey: 'masters', courseId, format })
  return job?.id as string
}

async function run(
  kind: JobKind,
  format?: ResultFormat,
  courseId?: string,
): Promise<{ job: Job; text: string }> {
  const job = await waitForJob(client, await start(kind, format, courseId))
  expect(job).toMatchObject({ state: JobState.SUCCEEDED })
  return { job, text: await readResult(client, job.id) }
}

function studentsIn(json: string): string[] {
  return (JSON.parse(json) as { student_key: string }[]).map(({ student_key }) => student_key)
}

function students(count: number): string[] {
  return Array.from({ length: count }, (_, n) => `student-${n}`)
}

/** Everything that Temporal keeps about a job's workflow, as text. */
async function historyOf(jobId: string): Promise<string> {
  const temporal = await stack.temporal.client()
  const history = JSON.stringify(await temporal.workflow.getHandle(jobId).fetchHistory())
  return history.replaceAll(/"data":"([\w+/=]+)"/g, (_, data) => Buffer.from(data, 'base64').toString('utf8'))
}

test('a program is read into JSON', async () => {
  const { job, text } = await run(JobKind.LIST_PROGRAM_ENROLLMENTS)
  expect(JSON.parse(text)).toEqual([
    { account_exists: true, status: 'enrolled', student_key: 'student-0' },
    { account_exists: false, status: 'enrolled', student_key: 'student-1' },
    { account_exists: true, status: 'enrolled', student_key: 'student-2' },
  ])
  expect(job).toMatchObject({
    ...{ name: 'masters:read:list_program_enrollments', username: 'partner', organizationKey: 'school' },
    ...{ programKey: 'masters', attempt: 1, progress: { rowsDone: 3n } },
  })
  expect(job.text).toBeUndefined()
  expect(job.failure).toBeUndefined()
})

test.each([JobKind.LIST_ALL_COURSE_RUN_ENROLLMENTS, JobKind.LIST_PROGRAM_ENROLLMENTS])(
  'kind %i: the other services are called under the id of the job',
  async (kind) => {
    stack.peers.requestIds.clear()
    const { job } = await run(kind)
    expect([...stack.peers.requestIds]).toEqual([job.id])
  },
)

test('a program without learners is read into nothing', async () => {
  stack.peers.enrollment.rows = 0
  expect(JSON.parse((await run(JobKind.LIST_PROGRAM_ENROLLMENTS)).text)).toEqual([])
  expect((await run(JobKind.LIST_PROGRAM_ENROLLMENTS, ResultFormat.CSV)).text).toBe(
    'student_key,status,account_exists\r\n',
  )
})

test('names and addresses are told to whom they were shown when the job was asked for', async () => {
  client = stack.as('partner', { flags: ['include_name_email_in_get_program_enrollment'] })
  expect((await run(JobKind.LIST_PROGRAM_ENROLLMENTS, ResultFormat.CSV)).text).toBe(
    'student_key,status,account_exists,username,email\r\n' +
      'student-0,enrolled,True,learner0,learner0@example.com\r\n' +
      'student-1,enrolled,False,,\r\n' +
      'student-2,enrolled,True,learner2,learner2@example.com\r\n',
  )
})

test.each([partRows - 1, partRows, partRows + 1, 3 * partRows, 10_001])(
  'a result of %i rows is whole, in order, and leaves no parts',
  async (rows) => {
    stack.peers.enrollment.rows = rows
    const json = await run(JobKind.LIST_PROGRAM_ENROLLMENTS)
    expect(studentsIn(json.text)).toEqual(students(rows))
    expect(json.job.progress?.rowsDone).toBe(BigInt(rows))
    const csv = await run(JobKind.LIST_PROGRAM_ENROLLMENTS, ResultFormat.CSV)
    expect(
      csv.text
        .split('\r\n')
        .slice(1, -1)
        .map((line) => line.split(',')[0]),
    ).toEqual(students(rows))
    const files = await readdir(join(stack.mediaDir, 'registrar', 'job-results'))
    expect(files.filter((name) => name.startsWith(json.job.id))).toEqual([`${json.job.id}.json`])
    expect(files.filter((name) => name.startsWith(csv.job.id))).toEqual([`${csv.job.id}.csv`])
  },
)

test('a course run is read by either of its keys', async () => {
  const { job, text } = await run(JobKind.LIST_COURSE_RUN_ENROLLMENTS, ResultFormat.JSON, 'course-v1:A+B+C')
  expect(JSON.parse(text)[0]).toEqual({
    ...{ course_id: 'EXT-1', student_key: 'student-0', status: 'active', account_exists: true },
  })
  expect(job).toMatchObject({ name: 'masters:read:list_course_run_enrollments', courseId: 'course-v1:A+B+C' })
  expect((await run(JobKind.LIST_COURSE_RUN_ENROLLMENTS, ResultFormat.JSON, 'EXT-1')).text).toBe(text)
  client = stack.as('partner', { flags: ['enable_course_role_management'] })
  const withStaff = await run(JobKind.LIST_COURSE_RUN_ENROLLMENTS, ResultFormat.CSV, 'EXT-1')
  expect(withStaff.text).toContain('EXT-1,student-1,active,True,True\r\n')
})

test('all course runs are read one after the other, also where parts end between and in them', async () => {
  const rows = { 'course-v1:A+B+C': 5_000, 'course-v1:D+E+F': 0, 'course-v1:G+H+I': 2_500 }
  stack.peers.enrollment.courseRows = rows
  const { job, text } = await run(JobKind.LIST_ALL_COURSE_RUN_ENROLLMENTS)
  const found = JSON.parse(text) as { course_id: string; student_key: string }[]
  expect(found.map(({ course_id, student_key }) => `${course_id} ${student_key}`)).toEqual([
    ...students(5_000).map((key) => `EXT-1 ${key}`),
    ...students(2_500).map((key) => `EXT-3 ${key}`),
  ])
  expect(job.name).toBe('masters:read:list_all_course_run_enrollments')

  stack.peers.enrollment.courseRows = { ...rows, 'course-v1:A+B+C': partRows, 'course-v1:D+E+F': partRows }
  const edges = JSON.parse((await run(JobKind.LIST_ALL_COURSE_RUN_ENROLLMENTS)).text) as {
    course_id: string
  }[]
  expect(edges.map(({ course_id }) => course_id)).toEqual([
    ...Array(partRows).fill('EXT-1'),
    ...Array(partRows).fill('course-v1:D+E+F'),
    ...Array(2_500).fill('EXT-3'),
  ])
})

test('a program without course runs is read into nothing', async () => {
  stack.peers.programs.set('bare', {
    id: randomUUID(),
    discoveryUuid: '',
    organizationKey: 'school',
    courses: {},
  })
  const kind = JobKind.LIST_ALL_COURSE_RUN_ENROLLMENTS
  const { job } = await client.createReadJob({ kind, programKey: 'bare' })
  await waitForJob(client, job?.id)
  expect(JSON.parse(await readResult(client, job?.id))).toEqual([])
})

const good = {
  studentKey: 's1',
  outcome: { case: 'grade' as const, value: { percent: '0.950', passed: true } },
}
const bad = { studentKey: 's2', outcome: { case: 'error' as const, value: 'none yet' } }

test.each([
  ['200', [good]],
  ['207', [good, bad]],
  ['422', [bad]],
  ['204', []],
])('grades tell in their text what came of them: %s', async (text, grades) => {
  stack.peers.enrollment.grades = grades
  const result = await run(JobKind.GET_COURSE_RUN_GRADES, ResultFormat.CSV, 'EXT-1')
  expect(result.job).toMatchObject({ text, name: 'get_course_run_grades' })
  expect(result.text.split('\r\n')).toHaveLength(grades.length + 2)
})

test('what fails and may get better is tried again, and the result is whole', async () => {
  stack.peers.enrollment.rows = 10_000
  const away = new DomainError(Reason.UPSTREAM_UNAVAILABLE, 'The LMS is away.', { retryAfterSeconds: 1 })
  stack.peers.enrollment.failures = [away, away]
  const id = await start(JobKind.LIST_PROGRAM_ENROLLMENTS)
  const retrying = await waitForJob(client, id, (job) => job.state === JobState.RETRYING || hasEnded(job))
  expect(retrying.state).toBe(JobState.RETRYING)
  expect(retrying.failure).toBeUndefined()
  expect(await waitForJob(client, id)).toMatchObject({ state: JobState.SUCCEEDED })
  expect(studentsIn(await readResult(client, id))).toEqual(students(10_000))
})

test.each([
  ['PROGRAM_NOT_FOUND', new DomainError(Reason.PROGRAM_NOT_FOUND, 'There is no such program.')],
  ['PERMISSION_DENIED', new DomainError(Reason.PERMISSION_DENIED, 'The LMS does not let us.')],
])('what cannot get better ends the job at once with its reason: %s', async (reason, error) => {
  stack.peers.enrollment.failures = [error]
  const job = await waitForJob(client, await start(JobKind.LIST_PROGRAM_ENROLLMENTS))
  expect(job).toMatchObject({
    ...{
      state: JobState.FAILED,
      attempt: 1,
      text: error.message,
      failure: { reason, message: error.message },
    },
  })
  expect(job.resultUrl).toBeUndefined()
  expect(stack.peers.enrollment.streamsFrom).toHaveLength(1)
  const temporal = await stack.temporal.client()
  const result = temporal.workflow.getHandle(job.id).result()
  await expect(result).rejects.toMatchObject({ cause: { type: reason, message: error.message } })
})

test('a job that takes too long ends at its limit and says what held it up', async () => {
  const hurried = stack.as(
    'partner',
    {},
    await stack.startService({ JOB_TIME_LIMIT_LIST_PROGRAM_ENROLLMENTS: '4' }),
  )
  const away = new DomainError(Reason.UPSTREAM_UNAVAILABLE, 'The LMS is away.')
  stack.peers.enrollment.failures = Array(100).fill(away)
  const kind = JobKind.LIST_PROGRAM_ENROLLMENTS
  const { job } = await hurried.createReadJob({ kind, programKey: 'masters' })
  const message = 'The job did not end within 4 seconds. The last trouble was: The LMS is away.'
  expect(await waitForJob(client, job?.id)).toMatchObject({
    ...{ state: JobState.FAILED, failure: { reason: 'TIME_LIMIT', message } },
  })
})

test('a worker that is killed in the middle costs a part: the result is whole and no row is in it twice', async () => {
  stack.peers.enrollment.rows = 12_500
  stack.peers.enrollment.pageDelayMs = 500
  const id = await start(JobKind.LIST_PROGRAM_ENROLLMENTS)
  const isInLaterPart = (rows: number) => rows > partRows && rows % partRows !== 0
  await waitForJob(client, id, ({ progress }) => isInLaterPart(Number(progress?.rowsDone)))
  const killed = stack.worker()
  killed.kill('SIGKILL')
  await once(killed, 'exit')
  stack.peers.enrollment.pageDelayMs = 0
  await stack.startWorker()
  const job = await waitForJob(client, id)
  expect(job).toMatchObject({ state: JobState.SUCCEEDED, progress: { rowsDone: 12_500n } })
  expect(studentsIn(await readResult(client, id))).toEqual(students(12_500))
  // It went on where the last whole part ended: one of five parts was read twice.
  expect(stack.peers.enrollment.streamsFrom.filter((token) => token === '')).toHaveLength(1)
  expect(stack.peers.enrollment.streamsFrom).toHaveLength(6)
})

test('a worker that is killed in the first part begins again', async () => {
  stack.peers.enrollment.pageDelayMs = 1_500
  const id = await start(JobKind.LIST_PROGRAM_ENROLLMENTS)
  await waitForJob(client, id, ({ state }) => state === JobState.IN_PROGRESS)
  const killed = stack.worker()
  killed.kill('SIGKILL')
  await once(killed, 'exit')
  stack.peers.enrollment.pageDelayMs = 0
  await stack.startWorker()
  await waitForJob(client, id)
  expect(studentsIn(await readResult(client, id))).toEqual(students(3))
})

test('a worker that is asked to stop leaves its job to the next one', async () => {
  stack.peers.enrollment.rows = 9_000
  stack.peers.enrollment.pageDelayMs = 400
  const id = await start(JobKind.LIST_PROGRAM_ENROLLMENTS)
  await waitForJob(client, id, ({ progress }) => (progress?.rowsDone ?? 0n) >= 4_000n)
  const stopped = stack.worker()
  stopped.kill('SIGTERM')
  expect(await once(stopped, 'exit')).toEqual([0, null])
  stack.peers.enrollment.pageDelayMs = 0
  await stack.startWorker()
  await waitForJob(client, id)
  expect(studentsIn(await readResult(client, id))).toEqual(students(9_000))
})

test('the history of a job holds nothing about a learner', async () => {
  client = stack.as('partner', { flags: ['include_name_email_in_get_program_enrollment'] })
  stack.peers.enrollment.rows = 7_000
  const { job } = await run(JobKind.LIST_PROGRAM_ENROLLMENTS)
  const history = await historyOf(job.id)
  expect(history).toContain('masters')
  for (const secret of ['student-', 'learner', 'example.com', 'eyJ']) expect(history).not.toContain(secret)
})
