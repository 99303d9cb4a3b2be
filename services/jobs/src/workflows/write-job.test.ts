import { randomUUID } from 'node:crypto'
import { once } from 'node:events'
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest'
import { DomainError, Reason } from '#kit/errors.ts'
import { reasonOf } from '#kit/rpc-errors.ts'
import { Permission } from '#proto/registrar/accesscontrol/v1/permission_pb.ts'
import { JobKind, JobState, ResultFormat } from '#proto/registrar/jobs/v1/job_pb.ts'
import { type JobsClient, readResult, startTestStack, type TestStack, waitForJob } from '../testing/stack.ts'

let stack: TestStack
let client: JobsClient

const { WRITE_PROGRAM_ENROLLMENTS: program, WRITE_COURSE_RUN_ENROLLMENTS: course } = JobKind

beforeAll(async () => {
  stack = await startTestStack({ JOB_PART_ROWS: '3000' })
  const ids = () => ({ id: randomUUID(), discoveryUuid: randomUUID(), organizationKey: 'school' })
  stack.peers.programs.set('masters', {
    ...ids(),
    courses: { 'course-v1:A+B+C': 'EXT-1', 'course-v1:D+E+F': '' },
  })
  stack.peers.programs.set('other', { ...ids(), courses: {} })
  stack.peers.programs.set('empty', { ...ids(), courses: {}, hasNoCurriculum: true })
})
afterAll(() => stack.stop())
beforeEach(async () => {
  client = stack.as('partner')
  Object.assign(stack.peers.enrollment, {
    pageDelayMs: 0,
    failures: [],
    writes: [],
    writeSizes: [],
    unasked: [],
  })
  stack.peers.enrollment.judge = ({ status }) =>
    status === 'bad' ? { status: 'invalid-status', accepted: false } : { status, accepted: true }
})

async function upload(kind: JobKind, csv: string | Uint8Array, programKey = 'masters'): Promise<string> {
  const content = typeof csv === 'string' ? Buffer.from(csv) : csv
  const { job } = await client.createUploadJob({ kind, programKey, content })
  return job?.id as string
}

async function run(kind: JobKind, csv: string) {
  const job = await waitForJob(client, await upload(kind, csv))
  expect(job).toMatchObject({ state: JobState.SUCCEEDED, format: ResultFormat.CSV })
  return { job, text: await readResult(client, job.id) }
}

async function refusalOf(work: Promise<unknown>) {
  const error = await work.then(
    () => undefined,
    (thrown: unknown) => thrown,
  )
  return { reason: reasonOf(error), message: (error as { rawMessage?: string } | undefined)?.rawMessage }
}

function manyRows(count: number): string {
  const rows = Array.from({ length: count }, (_, n) => `student-${String(n).padStart(6, '0')},enrolled\n`)
  return `student_key,status\n${rows.join('')}`
}

test('a program upload is written in the order of the keys and tells what came of each', async () => {
  const { job, text } = await run(
    program,
    'student_key,status\ns3,enrolled\ns1,bad\ns2,pending\ns4,ended\ns4,enrolled\n',
  )
  expect(text).toBe(
    'student_key,status\r\ns1,invalid-status\r\ns2,pending\r\ns3,enrolled\r\ns4,duplicated\r\n',
  )
  expect(job).toMatchObject({
    ...{ name: 'masters:write:write_program_enrollments', text: '207', courseId: '' },
    progress: { rowsDone: 5n, rowsTotal: 5n },
  })
  expect(stack.peers.enrollment.writes).toEqual([
    { studentKey: 's1', status: 'bad' },
    { studentKey: 's2', status: 'pending' },
    { studentKey: 's3', status: 'enrolled' },
  ])
})

test.each([
  ['200', 's1,enrolled\n'],
  ['422', 's1,bad\n'],
  ['204', ''],
])('an upload tells in its text what came of it: %s', async (text, rows) => {
  const result = await run(program, `student_key,status\n${rows}`)
  expect(result.job.text).toBe(text)
  expect(result.text.startsWith('student_key,status\r\n')).toBe(true)
})

test('a large upload is written in batches and parts, whole and in order', async () => {
  const { job, text } = await run(program, manyRows(10_001))
  expect(text).toBe(manyRows(10_001).replaceAll('\n', '\r\n'))
  expect(job).toMatchObject({ text: '200', progress: { rowsDone: 10_001n, rowsTotal: 10_001n } })
  expect(Math.max(...stack.peers.enrollment.writeSizes)).toBe(250)
  expect(stack.peers.enrollment.writes).toHaveLength(10_001)
})

test('a course upload goes run by run, and its rows for unknown runs come back as they were', async () => {
  const rows = [
    'EXT-1,b,active',
    'nowhere,z,active',
    'course-v1:D+E+F,s,inactive',
    'nowhere,a,active',
    'EXT-1,a,bad',
    'nowhere,z,active',
  ]
  const { job, text } = await run(course, `course_id,student_key,status\n${rows.join('\n')}`)
  expect(text).toBe(
    [
      'course_id,student_key,status',
      'EXT-1,a,invalid-status',
      'EXT-1,b,active',
      'nowhere,z,course-not-found',
      'nowhere,a,course-not-found',
      'nowhere,z,course-not-found',
      'course-v1:D+E+F,s,inactive',
      '',
    ].join('\r\n'),
  )
  expect(job).toMatchObject({ name: 'masters:write:write_course_run_enrollments', text: '207' })
})

test('enrollment is called under the id of the job', async () => {
  stack.peers.requestIds.clear()
  const { job } = await run(course, 'course_id,student_key,status\nEXT-1,a,active\n')
  expect([...stack.peers.requestIds]).toEqual([job.id])
})

test('course_staff reaches the LMS where it says something, and comes back as it was', async () => {
  client = stack.as('partner', { flags: ['enable_course_role_management'] })
  const rows = ['EXT-1,a,active,True', 'EXT-1,b,active,', 'EXT-1,c,active,off', 'EXT-1,d,active,maybe']
  rows.push('course-v1:D+E+F,a,active,FALSE')
  const { text } = await run(course, `course_id,student_key,status,course_staff\n${rows.join('\n')}`)
  expect(text).toBe(
    [
      'course_id,student_key,status,course_staff',
      'EXT-1,a,active,True',
      'EXT-1,b,active,',
      'EXT-1,c,active,off',
      'EXT-1,d,internal-error,maybe',
      'course-v1:D+E+F,a,active,FALSE',
      '',
    ].join('\r\n'),
  )
  expect(
    stack.peers.enrollment.writes.map(({ studentKey, courseStaff }) => [studentKey, courseStaff]),
  ).toEqual([
    ['a', true],
    ['b', undefined],
    ['c', false],
    ['a', false],
  ])
})

test('course_staff is left out for those whose flag is off', async () => {
  const { text } = await run(course, 'course_id,student_key,status,course_staff\nEXT-1,a,active,True')
  expect(text).toBe('course_id,student_key,status\r\nEXT-1,a,active\r\n')
  expect(stack.peers.enrollment.writes[0]?.courseStaff).toBeUndefined()
})

test('learners whom the LMS adds unasked come last and fail nothing', async () => {
  stack.peers.enrollment.unasked = [{ studentKey: 'a-stranger', status: 'enrolled', accepted: true }]
  const { job, text } = await run(program, 'student_key,status\nz,enrolled\nb,enrolled\n')
  expect(text).toBe('student_key,status\r\nb,enrolled\r\nz,enrolled\r\na-stranger,enrolled\r\n')
  expect(job.text).toBe('200')
})

test('what fails and may get better is written in the end', async () => {
  const away = new DomainError(Reason.UPSTREAM_UNAVAILABLE, 'The LMS is away.')
  stack.peers.enrollment.failures = [away, away]
  const { text } = await run(program, manyRows(2_500))
  expect(text).toBe(manyRows(2_500).replaceAll('\n', '\r\n'))
})

test('a worker that is killed in the middle leaves an upload whose result is whole', async () => {
  stack.peers.enrollment.pageDelayMs = 200
  const id = await upload(program, manyRows(9_500))
  await waitForJob(client, id, ({ progress }) => (progress?.rowsDone ?? 0n) >= 4_000n)
  const killed = stack.worker()
  killed.kill('SIGKILL')
  await once(killed, 'exit')
  expect(await refusalOf(upload(program, manyRows(1)))).toMatchObject({ reason: Reason.WRITE_IN_PROGRESS })
  await stack.startWorker()
  expect(await waitForJob(client, id)).toMatchObject({ state: JobState.SUCCEEDED, text: '200' })
  expect(await readResult(client, id)).toBe(manyRows(9_500).replaceAll('\n', '\r\n'))
  expect(new Set(stack.peers.enrollment.writes.map(({ studentKey }) => studentKey)).size).toBe(9_500)
  stack.peers.enrollment.pageDelayMs = 0
  await run(program, manyRows(1))
})

test('of two uploads to a program at the same instant one is accepted', async () => {
  stack.peers.enrollment.pageDelayMs = 300
  const results = await Promise.allSettled([
    upload(program, manyRows(10)),
    upload(course, 'course_id,student_key,status\nEXT-1,a,active'),
    upload(program, manyRows(10)),
  ])
  const accepted = results.flatMap((result) => (result.status === 'fulfilled' ? [result.value] : []))
  expect(accepted).toHaveLength(1)
  for (const result of results) {
    if (result.status === 'rejected') expect(reasonOf(result.reason)).toBe(Reason.WRITE_IN_PROGRESS)
  }
  await upload(program, manyRows(1), 'other')
  await client.createReadJob({ kind: JobKind.LIST_PROGRAM_ENROLLMENTS, programKey: 'masters' })
  await waitForJob(client, accepted[0])
})

test('a cancelled upload stops, and only then lets the next one in', async () => {
  stack.peers.enrollment.pageDelayMs = 500
  const id = await upload(program, manyRows(9_000))
  await waitForJob(client, id, ({ progress }) => (progress?.rowsDone ?? 0n) >= 1_000n)
  await client.cancelJob({ id })
  expect(await waitForJob(client, id)).toMatchObject({ state: JobState.CANCELED })
  const written = stack.peers.enrollment.writes.length
  expect(written).toBeLessThan(9_000)
  stack.peers.enrollment.pageDelayMs = 0
  const { text } = await run(program, 'student_key,status\nlast,enrolled\n')
  expect(text).toContain('last,enrolled')
  expect(stack.peers.enrollment.writes.at(-1)).toMatchObject({ studentKey: 'last' })
  expect(stack.peers.enrollment.writes.length).toBeLessThanOrEqual(written + 251)
})

test('uploads are refused in the order of the rules, and leave nothing behind', async () => {
  const jobsBefore = await stack.sql('select id from jobs')
  const ok = 'student_key,status\ns,enrolled\n'
  const large = new Uint8Array(5_242_881).fill(65)
  client = stack.as('reader', { permissions: [Permission.READ_ENROLLMENTS] })
  expect(await refusalOf(upload(program, ok, 'nowhere'))).toMatchObject({ reason: Reason.PROGRAM_NOT_FOUND })
  expect(await refusalOf(upload(program, large))).toMatchObject({ reason: Reason.PERMISSION_DENIED })
  client = stack.as('partner')
  expect(await refusalOf(upload(program, large))).toEqual({
    reason: Reason.TOO_LARGE,
    message: 'Upload too large. Must be under 5242880 bytes',
  })
  expect(await refusalOf(upload(program, 'student_key\nx'))).toEqual({
    reason: Reason.CSV_INVALID,
    message: 'CSV is missing headers [status]',
  })
  expect(await refusalOf(upload(program, 'student_key\nx', 'empty'))).toMatchObject({
    reason: Reason.CSV_INVALID,
  })
  expect(await refusalOf(upload(program, ok, 'empty'))).toMatchObject({ reason: Reason.NO_ACTIVE_CURRICULUM })
  expect(await refusalOf(upload(JobKind.LIST_PROGRAM_ENROLLMENTS, ok))).toMatchObject({
    reason: Reason.INVALID_ARGUMENT,
  })
  expect(await stack.sql('select id from jobs')).toEqual(jobsBefore)

  stack.peers.enrollment.pageDelayMs = 500
  const id = await upload(program, ok)
  expect(await refusalOf(upload(program, 'student_key\nx'))).toMatchObject({
    reason: Reason.WRITE_IN_PROGRESS,
  })
  expect(await refusalOf(upload(program, large))).toMatchObject({ reason: Reason.TOO_LARGE })
  await waitForJob(client, id)
})

test('the largest upload that is allowed is written', async () => {
  let csv = 'student_key,status\n'
  for (let row = 0; csv.length < 5_242_880 - 60; row++) csv += `s-${String(row).padStart(30, '0')},enrolled\n`
  csv += 't,'.padEnd(5_242_880 - csv.length, 'y')
  expect(csv.length).toBe(5_242_880)
  const { job, text } = await run(program, csv)
  expect(job.text).toBe('200')
  expect(text).toBe(`${csv}\n`.replaceAll('\n', '\r\n'))
})
