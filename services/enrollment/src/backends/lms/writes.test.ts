import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import type { WriteAnswer } from '#edx/lms-writes.ts'
import { Reason } from '#kit/errors.ts'
import type { EnrollmentWrite, WriteMode } from '../../domain/enrollment-write.ts'
import { refusalOf } from '../../testing/calls.ts'
import { startTestLms, type TestLms } from '../../testing/lms.ts'

let testLms: TestLms
let bodies: unknown[]

beforeAll(async () => {
  testLms = await startTestLms()
})

afterAll(() => testLms.close())

afterEach(() => {
  testLms.lms.quirks.editWrite = undefined
  testLms.lms.faults.reset()
  testLms.lms.requests.length = 0
})

const author = { kind: 'user', name: 'partner', via: null, requestId: 'request-1' } as const
const { signal } = new AbortController()
type Made = ReturnType<TestLms['makeProgram']>

const writeProgram = (
  { program }: Made,
  mode: WriteMode,
  writes: EnrollmentWrite[],
  backend = testLms.backend,
) =>
  backend.writeProgramEnrollments(
    program,
    { mode, writes, author, curriculumUuid: program.activeCurriculumUuid },
    signal,
  )
const writeCourse = ({ program, run }: Made, mode: WriteMode, writes: EnrollmentWrite[]) =>
  testLms.backend.writeCourseEnrollments(program, run, { mode, writes, author }, signal)
const write = (studentKey: string, status = 'enrolled', more: object = {}) => ({
  studentKey,
  status,
  ...more,
})
const many = (count: number) =>
  Array.from({ length: count }, (_, i) => write(`s${String(i).padStart(3, '0')}`))
const stored = ({ program }: Made) => testLms.lms.state.programs.get(program.uuid)?.enrollments.rows ?? []
const dataRequests = () => testLms.lms.requests.filter(({ path }) => !path.startsWith('/oauth2'))

/** The LMS answers so, whatever it has done. */
function answerWrite(answer: WriteAnswer): void {
  testLms.lms.quirks.editWrite = () => answer
}

describe('what is sent', () => {
  beforeEach(() => {
    bodies = []
    testLms.lms.quirks.editWrite = (answer, _, body) => {
      bodies.push(body)
      return answer
    }
  })

  test('a program’s items have its curriculum, whatever the caller says, and the caller’s further fields', async () => {
    const made = testLms.makeProgram()
    await writeProgram(made, 'create', [
      write('a', 'enrolled', {
        additionalFields: { curriculum_uuid: 'x', note: { deep: [1] }, course_staff: true },
      }),
      write('b', 'pending', { additionalFields: { course_staff: null }, courseStaff: true }),
      write('c', 'pending', { additionalFields: { course_staff: ' ' } }),
    ])
    const curriculum_uuid = made.program.activeCurriculumUuid
    expect(bodies).toEqual([
      [
        { student_key: 'a', status: 'enrolled', curriculum_uuid, note: { deep: [1] }, course_staff: true },
        { student_key: 'b', status: 'pending', curriculum_uuid },
        { student_key: 'c', status: 'pending', curriculum_uuid },
      ],
    ])
    expect(stored(made)).toMatchObject([{ curriculum_uuid }, { curriculum_uuid }, { curriculum_uuid }])
  })

  test('a course’s items say something of staff only when the caller may and does', async () => {
    const made = testLms.makeProgram()
    await writeCourse(made, 'create-or-update', [
      write('a', 'active', { courseStaff: false, additionalFields: { note: 1, course_staff: true } }),
      write('b', 'active', { additionalFields: { course_staff: true } }),
    ])
    expect(bodies).toEqual([
      [
        { student_key: 'a', status: 'active', note: 1, course_staff: false },
        { student_key: 'b', status: 'active' },
      ],
    ])
  })

  test('comes 25 at a time, one after the other, by the method of its mode, under its request id', async () => {
    const made = testLms.makeProgram()
    for (const mode of ['create', 'update', 'create-or-update'] as const) {
      expect((await writeProgram(made, mode, many(60))).every(({ accepted }) => accepted)).toBe(true)
    }
    expect(bodies.map((body) => (body as unknown[]).length)).toEqual([25, 25, 10, 25, 25, 10, 25, 25, 10])
    expect(dataRequests().map(({ method }) => method)).toEqual(
      ['POST', 'PATCH', 'PUT'].flatMap((method) => Array(3).fill(method)),
    )
    expect(new Set(dataRequests().map(({ requestId }) => requestId))).toEqual(new Set(['request-1']))
  })
})

describe('a batch that is refused as a whole', () => {
  test('is halved until the bad row is alone', async () => {
    const made = testLms.makeProgram()
    const writes = many(25)
    writes[7] = write('s007', '')
    writes[24] = write('\0')
    const outcomes = await writeProgram(made, 'create', writes)
    expect(outcomes).toEqual(
      writes
        .filter((_, index) => index !== 7 && index !== 24)
        .map(({ studentKey }) => ({ studentKey, status: 'enrolled', accepted: true })),
    )
    expect(stored(made)).toHaveLength(23)
    expect(dataRequests().length).toBeLessThan(20)
  })

  test('row by row and still refused tells nothing of any', async () => {
    const made = testLms.makeProgram()
    expect(
      await writeProgram(
        made,
        'create',
        many(25).map(({ studentKey }) => write(studentKey, ' ')),
      ),
    ).toEqual([])
    expect(dataRequests()).toHaveLength(49)
  })

  test('for its size is halved too', async () => {
    const made = testLms.makeProgram()
    testLms.lms.quirks.editWrite = (answer) =>
      Object.keys(JSON.parse(answer.body)).length > 10 ? { status: 413, body: '' } : answer
    const outcomes = await writeProgram(made, 'create-or-update', many(25))
    expect(outcomes.filter(({ accepted }) => accepted)).toHaveLength(25)
  })
})

describe('what is answered', () => {
  const answered = async (answer: WriteAnswer, mode: WriteMode = 'create-or-update') => {
    answerWrite(answer)
    const outcomes = await writeProgram(testLms.makeProgram(), mode, [write('a'), write('b')])
    return outcomes.map(
      ({ studentKey, status, accepted }) => `${studentKey}: ${accepted ? '' : '!'}${status}`,
    )
  }

  test.each([
    [200, '{"a": "enrolled", "b": "enrolled"}', ['a: enrolled', 'b: enrolled']],
    [201, '{"a": "enrolled", "b": "enrolled"}', ['a: enrolled', 'b: enrolled']],
    [207, '{"a": "enrolled", "b": "conflict"}', ['a: enrolled', 'b: !conflict']],
    [207, '{"a": "enrolled", "b": "something-new"}', ['a: enrolled', 'b: !something-new']],
    [422, '{"a": "not-in-program", "b": "something-new"}', ['a: !not-in-program', 'b: !something-new']],
    [200, '{"a": "enrolled"}', ['a: enrolled']],
    [
      200,
      '{"b": "enrolled", "z": "enrolled", "a": "enrolled"}',
      ['b: enrolled', 'z: enrolled', 'a: enrolled'],
    ],
    [200, '{"a": null, "b": {"x": 1}}', []],
    [200, '["a"]', []],
    [200, '"done"', []],
    [200, '', []],
    [204, '', []],
    [202, '{"a": "enrolled"}', []],
    [403, '{"detail": "no"}', []],
    [404, '{"error_code": "program_does_not_exist"}', []],
    [409, '{"a": "enrolled"}', []],
  ])('%i %s', async (status, body, expected) => {
    expect(await answered({ status, body })).toEqual(expected)
  })

  test('something that is not JSON tells nothing, after a write that can be repeated was', async () => {
    expect(await answered({ status: 200, body: '<html>' }, 'create')).toEqual([])
    expect(dataRequests()).toHaveLength(1)
    expect(await answered({ status: 207, body: '<html>' }, 'update')).toEqual([])
    expect(dataRequests()).toHaveLength(7)
    expect(await answered({ status: 422, body: '<html>' })).toEqual([])
  })

  test.each([
    [500, Reason.UPSTREAM_FAILED],
    [502, Reason.UPSTREAM_UNAVAILABLE],
    [503, Reason.UPSTREAM_UNAVAILABLE],
    [504, Reason.UPSTREAM_TIMEOUT],
    [429, Reason.UPSTREAM_UNAVAILABLE],
    [401, Reason.UPSTREAM_FAILED],
    [302, Reason.UPSTREAM_FAILED],
  ])('%i, again and again, is a failure of the call', async (status, reason) => {
    answerWrite({ status, body: '' })
    const call = writeProgram(testLms.makeProgram(), 'create', [write('a')], testLms.connect())
    expect((await refusalOf(call)).reason).toBe(reason)
  })
})

describe('a write whose answer is lost', () => {
  test('is not repeated when it creates: what it made would come back as a conflict', async () => {
    const made = testLms.makeProgram()
    await writeProgram(made, 'create', [])
    testLms.lms.faults.set({ rates: { lost: 1 }, tokensToo: false })
    expect((await refusalOf(writeProgram(made, 'create', [write('a')]))).reason).toBe(Reason.UPSTREAM_FAILED)
    expect(stored(made)).toHaveLength(1)
    expect(dataRequests()).toHaveLength(1)
  })

  test.each(['update', 'create-or-update'] as const)(
    'is repeated when it may %s, and tells what is',
    async (mode) => {
      const made = testLms.makeProgram()
      await writeProgram(made, 'create', many(200))
      testLms.lms.faults.set({
        seed: 3,
        rates: { lost: 0.2, dropped: 0.1, garbage: 0.1, failed: 0.1 },
        tokensToo: false,
      })
      const outcomes = await writeProgram(
        made,
        mode,
        many(200).map(({ studentKey }) => write(studentKey, 'ended')),
      )
      expect(outcomes.every(({ accepted, status }) => accepted && status === 'ended')).toBe(true)
      expect(outcomes).toHaveLength(200)
      expect(stored(made).every(({ status }) => status === 'ended')).toBe(true)
    },
  )

  test('is repeated when it creates and surely was not done', async () => {
    const made = testLms.makeProgram()
    testLms.lms.faults.set({ seed: 2, rates: { unavailable: 0.2, throttled: 0.2 }, retryAfterSeconds: 0 })
    const outcomes = await writeProgram(made, 'create', many(200))
    expect(outcomes.filter(({ status }) => status === 'enrolled')).toHaveLength(200)
  })
})

test('what the LMS knows by itself cannot be typed in', async () => {
  const { program, run } = testLms.makeProgram()
  const refusals = [
    testLms.backend.linkAccounts(program, { accounts: [], author }, signal),
    testLms.backend.recordCourseGrades(program, run, { grades: [], author }, signal),
  ]
  for (const refusal of refusals) expect((await refusalOf(refusal)).reason).toBe(Reason.WRONG_BACKEND)
})
