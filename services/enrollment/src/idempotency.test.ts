import { randomUUID } from 'node:crypto'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { Reason } from '#kit/errors.ts'
import { WriteMode } from '#proto/registrar/enrollment/v1/enrollment_write_pb.ts'
import { refusalOf } from './testing/calls.ts'
import {
  type EnrollmentClient,
  startTestEnrollment,
  type TestEnrollment,
  withExternalKey,
} from './testing/enrollment.ts'

const { CREATE, UPDATE } = WriteMode

let enrollment: TestEnrollment
let partner: EnrollmentClient

beforeAll(async () => {
  enrollment = await startTestEnrollment()
  partner = enrollment.as('partner')
})
afterAll(() => enrollment.stop())

type Write = {
  program: string
  key?: string
  courseId?: string
  mode?: WriteMode
  rows?: [studentKey: string, status: string, courseStaff?: boolean][]
  by?: EnrollmentClient
}

/** What came of each row, as `student key: status`, with `!` when it was refused; and whether the answer was given before. */
async function write(wanted: Write): Promise<{ results: string[]; isReplay: boolean }> {
  const { program: programKey, key, courseId, mode = CREATE, rows = [['ann', 'enrolled']] } = wanted
  const { by = partner } = wanted
  let isReplay = false
  const options = {
    ...(key !== undefined && { headers: { 'idempotency-key': key } }),
    onHeader: (headers: Headers) => {
      isReplay = headers.get('idempotency-replayed') === 'true'
    },
  }
  const enrollments = rows.map(([studentKey, status, courseStaff]) => ({ studentKey, status, courseStaff }))
  const request = { programKey, mode, enrollments }
  const { results } =
    courseId === undefined
      ? await by.writeProgramEnrollments(request, options)
      : await by.writeCourseEnrollments({ ...request, courseId }, options)
  const told = results.map(
    ({ studentKey, status, accepted }) => `${studentKey}: ${accepted ? '' : '!'}${status}`,
  )
  return { results: told, isReplay }
}

const historyOf = (program: string) =>
  enrollment.sql('select status from enrollment_changes where program_uuid = $1', [
    enrollment.uuidOf(program),
  ])

describe('a write with a key', () => {
  test('is done once, though it is sent fifty times at the same instant, and answered the same to each', async () => {
    const program = enrollment.makeProgram()
    const key = randomUUID()
    const answers = await Promise.all(Array.from({ length: 50 }, () => write({ program, key })))
    expect(answers.map(({ results }) => results)).toEqual(Array(50).fill(['ann: enrolled']))
    expect(answers.filter(({ isReplay }) => !isReplay)).toHaveLength(1)
    expect(await historyOf(program)).toHaveLength(1)
  })

  test('is answered as it was, whatever has become of the learners since', async () => {
    const program = enrollment.makeProgram()
    const key = randomUUID()
    await write({ program, rows: [['bob', 'pending']] })
    const rows: Write['rows'] = [
      ['bob', 'enrolled'],
      ['ann', 'enrolled'],
    ]
    const first = await write({ program, key, rows })
    expect(first).toEqual({ results: ['ann: enrolled', 'bob: !conflict'], isReplay: false })
    await write({ program, mode: UPDATE, rows: [['ann', 'ended']] })
    expect(await write({ program, key, rows })).toEqual({ ...first, isReplay: true })
  })

  test('is answered the same when nothing in it was accepted', async () => {
    const program = enrollment.makeProgram()
    const key = randomUUID()
    const absent = { program, key, mode: UPDATE }
    expect((await write(absent)).results).toEqual(['ann: !not-in-program'])
    await write({ program })
    expect(await write(absent)).toEqual({ results: ['ann: !not-in-program'], isReplay: true })
  })

  test('of a course run is done once too', async () => {
    const program = enrollment.makeProgram()
    await write({ program })
    const wanted: Write = { program, key: randomUUID(), courseId: withExternalKey, rows: [['ann', 'active']] }
    expect(await write(wanted)).toEqual({ results: ['ann: active'], isReplay: false })
    expect(await write(wanted)).toEqual({ results: ['ann: active'], isReplay: true })
  })

  test('is another one for another caller, to another method and without the key', async () => {
    const program = enrollment.makeProgram()
    const key = randomUUID()
    await write({ program, key })
    expect((await write({ program, key, by: enrollment.as('colleague') })).results).toEqual([
      'ann: !conflict',
    ])
    expect((await write({ program, key, by: enrollment.operator })).results).toEqual(['ann: !conflict'])
    expect((await write({ program })).results).toEqual(['ann: !conflict'])
    const toCourse: Write = { program, key, courseId: withExternalKey, rows: [['ann', 'active']] }
    expect((await write(toCourse)).results).toEqual(['ann: active'])
  })

  test('is refused for another request', async () => {
    const program = enrollment.makeProgram()
    const key = randomUUID()
    await write({ program, key })
    const others: Partial<Write>[] = [
      { mode: UPDATE },
      { rows: [['ann', 'pending']] },
      { rows: [] },
      { program: enrollment.makeProgram() },
    ]
    for (const other of others) {
      expect((await refusalOf(write({ program, key, ...other }))).reason).toBe(Reason.IDEMPOTENCY_KEY_REUSED)
    }
    expect(await historyOf(program)).toHaveLength(1)
  })
})

test('what was refused is not remembered', async () => {
  const program = enrollment.makeProgram()
  const bare = enrollment.makeProgram({ curriculumUuid: undefined })
  const key = randomUUID()
  const course: Partial<Write> = { courseId: withExternalKey, rows: [['ann', 'active', true]] }
  const refused: [Partial<Write>, Reason][] = [
    [{ program: 'nowhere' }, Reason.PROGRAM_NOT_FOUND],
    [{ program: bare }, Reason.NO_ACTIVE_CURRICULUM],
    [{ mode: WriteMode.UNSPECIFIED }, Reason.INVALID_ARGUMENT],
    [course, Reason.COURSE_STAFF_DISABLED],
    [{ ...course, courseId: 'nowhere' }, Reason.COURSE_NOT_FOUND],
  ]
  for (const [other, reason] of refused) {
    expect((await refusalOf(write({ program, key, ...other }))).reason).toBe(reason)
  }
  expect(await write({ program, key })).toEqual({ results: ['ann: enrolled'], isReplay: false })
})

test('who may not write any more is told so, not what was answered before', async () => {
  const program = enrollment.makeProgram()
  const key = randomUUID()
  const by = enrollment.as('leaver')
  await write({ program, key, by })
  enrollment.as('leaver', { permissions: [] })
  expect((await refusalOf(write({ program, key, by }))).reason).toBe(Reason.PERMISSION_DENIED)
})

test('a write that a killed process left is done again by the same request, and tells what it finds', async () => {
  const program = enrollment.makeProgram()
  const key = randomUUID()
  await write({ program, key })
  await enrollment.sql(
    `update remembered_answers set answer = null, touched_at = clock_timestamp() - interval '61 seconds'
     where idempotency_key = $1`,
    [key],
  )
  expect(await write({ program, key })).toEqual({ results: ['ann: !conflict'], isReplay: false })
})

test.each(['', 'x'.repeat(256)])('%j is no key', async (key) => {
  const program = enrollment.makeProgram()
  expect((await refusalOf(write({ program, key }))).reason).toBe(Reason.INVALID_ARGUMENT)
  expect(await historyOf(program)).toEqual([])
})
