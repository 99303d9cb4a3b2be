import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { Reason } from '#kit/errors.ts'
import { Permission } from '#proto/registrar/accesscontrol/v1/permission_pb.ts'
import { WriteMode } from '#proto/registrar/enrollment/v1/enrollment_write_pb.ts'
import { refusalOf } from '../testing/calls.ts'
import { type EnrollmentClient, startTestEnrollment, type TestEnrollment } from '../testing/enrollment.ts'

const { CREATE, UPDATE, CREATE_OR_UPDATE } = WriteMode

let enrollment: TestEnrollment
let partner: EnrollmentClient

beforeAll(async () => {
  enrollment = await startTestEnrollment()
  partner = enrollment.as('partner')
})

afterAll(() => enrollment.stop())

/** Writes `[student key, status]` pairs and returns what came of each as `student key: status`, with `!` when it was refused. */
async function write(programKey: string, mode: WriteMode, pairs: [string, string][], client = partner) {
  const enrollments = pairs.map(([studentKey, status]) => ({ studentKey, status }))
  const { results } = await client.writeProgramEnrollments({ programKey, mode, enrollments })
  return results.map(({ studentKey, status, accepted }) => `${studentKey}: ${accepted ? '' : '!'}${status}`)
}

async function stored(programKey: string) {
  const { enrollments } = await partner.listProgramEnrollments({ programKey })
  return enrollments.map(({ studentKey, status }) => `${studentKey}: ${status}`)
}

describe('a write', () => {
  test('that creates sets the status of who is new and leaves who is there', async () => {
    const program = enrollment.makeProgram()
    expect(
      await write(program, CREATE, [
        ['ann', 'enrolled'],
        ['bob', 'pending'],
      ]),
    ).toEqual(['ann: enrolled', 'bob: pending'])
    expect(
      await write(program, CREATE, [
        ['ann', 'ended'],
        ['cyd', 'suspended'],
      ]),
    ).toEqual(['ann: !conflict', 'cyd: suspended'])
    expect(await stored(program)).toEqual(['ann: enrolled', 'bob: pending', 'cyd: suspended'])
  })

  test('that updates sets the status of who is there and makes nobody', async () => {
    const program = enrollment.makeProgram()
    await write(program, CREATE, [['ann', 'enrolled']])
    expect(
      await write(program, UPDATE, [
        ['ann', 'canceled'],
        ['bob', 'enrolled'],
      ]),
    ).toEqual(['ann: canceled', 'bob: !not-in-program'])
    expect(await stored(program)).toEqual(['ann: canceled'])
  })

  test('that does both sets every status, also one that is set already', async () => {
    const program = enrollment.makeProgram()
    await write(program, CREATE, [
      ['ann', 'enrolled'],
      ['bob', 'pending'],
    ])
    expect(
      await write(program, CREATE_OR_UPDATE, [
        ['ann', 'enrolled'],
        ['bob', 'ended'],
        ['cyd', 'pending'],
      ]),
    ).toEqual(['ann: enrolled', 'bob: ended', 'cyd: pending'])
    expect(await stored(program)).toEqual(['ann: enrolled', 'bob: ended', 'cyd: pending'])
  })

  test('answers by code point, not by UTF-16 unit', async () => {
    const program = enrollment.makeProgram()
    const results = await write(program, CREATE, [
      ['\u{1f600}', 'enrolled'],
      ['\uff5e', 'enrolled'],
      ['a', 'enrolled'],
      ['B', 'enrolled'],
    ])
    expect(results).toEqual(['B: enrolled', 'a: enrolled', '\uff5e: enrolled', '\u{1f600}: enrolled'])
  })

  test('withholds every row of a learner who is named twice, whatever else is wrong with them, and tells it once', async () => {
    const program = enrollment.makeProgram()
    await write(program, CREATE, [['ann', 'enrolled']])
    const rows: [string, string][] = [
      ['ann', 'ended'],
      ['bob', 'enrolled'],
      ['ann', 'nonsense'],
      ['', ''],
      ['', 'enrolled'],
    ]
    expect(await write(program, UPDATE, rows)).toEqual([
      ': !duplicated',
      'ann: !duplicated',
      'bob: !not-in-program',
    ])
    expect(await stored(program)).toEqual(['ann: enrolled'])
  })

  test('calls a status invalid before it looks for the learner', async () => {
    const program = enrollment.makeProgram()
    await write(program, CREATE, [['ann', 'enrolled']])
    for (const mode of [CREATE, UPDATE, CREATE_OR_UPDATE]) {
      expect(
        await write(program, mode, [
          ['ann', 'Enrolled'],
          ['bob', 'active'],
        ]),
      ).toEqual(['ann: !invalid-status', 'bob: !invalid-status'])
    }
    expect(await stored(program)).toEqual(['ann: enrolled'])
  })

  test('refuses a row that can be no enrollment, alone', async () => {
    const program = enrollment.makeProgram()
    const long = 'x'.repeat(256)
    const rows: [string, string][] = [
      ['', 'enrolled'],
      [' ', 'enrolled'],
      ['ann', ''],
      ['b\0b', 'enrolled'],
      [long, 'enrolled'],
      ['cyd', 'enrolled'],
    ]
    expect(await write(program, CREATE, rows)).toEqual([
      ': !internal-error',
      ' : !internal-error',
      'ann: !internal-error',
      'b\0b: !internal-error',
      'cyd: enrolled',
      `${long}: !internal-error`,
    ])
    expect(await stored(program)).toEqual(['cyd: enrolled'])
  })

  test('takes keys of any script and form as they are', async () => {
    const program = enrollment.makeProgram()
    const keys = [
      'Ann',
      'ann',
      ' ann',
      "o'neil",
      '"q"',
      '{a,b}',
      '\\',
      'NULL',
      '学生',
      'é',
      'e\u0301',
      '$1',
      '%s',
      '\u{1f600}'.repeat(255),
    ]
    await write(
      program,
      CREATE,
      keys.map((key) => [key, 'enrolled']),
    )
    const { enrollments } = await partner.listProgramEnrollments({ programKey: program })
    expect(new Set(enrollments.map(({ studentKey }) => studentKey))).toEqual(new Set(keys))
    expect(enrollments).toHaveLength(keys.length)
  })

  test('of nobody answers nothing', async () => {
    expect(await write(enrollment.makeProgram(), CREATE, [])).toEqual([])
  })

  test('of more rows than go into one statement does all of them', async () => {
    const program = enrollment.makeProgram()
    const pairs = Array.from({ length: 6_000 }, (_, i): [string, string] => [
      `s${String(i).padStart(5, '0')}`,
      'enrolled',
    ])
    await write(
      program,
      CREATE,
      pairs.filter((_, i) => i % 3 === 0),
    )
    const expected = pairs.map(([key], i) => `${key}: ${i % 3 === 0 ? '!conflict' : 'enrolled'}`)
    expect(await write(program, CREATE, pairs)).toEqual(expected)
    expect(
      await enrollment.sql('select count(*)::int from program_enrollments where program_uuid = $1', [
        enrollment.uuidOf(program),
      ]),
    ).toEqual([{ count: 6_000 }])
  })

  test('keeps programs apart', async () => {
    const [one, other] = [enrollment.makeProgram(), enrollment.makeProgram()]
    await write(one, CREATE, [['ann', 'enrolled']])
    expect(await write(other, UPDATE, [['ann', 'ended']])).toEqual(['ann: !not-in-program'])
    expect(await write(other, CREATE, [['ann', 'pending']])).toEqual(['ann: pending'])
    expect(await stored(one)).toEqual(['ann: enrolled'])
  })

  test('ignores staff of a course', async () => {
    const programKey = enrollment.makeProgram()
    const enrollments = [{ studentKey: 'ann', status: 'enrolled', courseStaff: true }]
    const { results } = await partner.writeProgramEnrollments({ programKey, mode: CREATE, enrollments })
    expect(results).toMatchObject([{ status: 'enrolled', accepted: true }])
  })
})

describe('the history', () => {
  const historyOf = (program: string) =>
    enrollment.sql(
      `select student_key, course_key, previous_status, status, author_kind, author, request_id, changed_at > now() - interval '1 minute' as recent
     from enrollment_changes where program_uuid = $1 order by id`,
      [enrollment.uuidOf(program)],
    )

  test('tells who changed what, when and in which request, and nothing of what stayed', async () => {
    const program = enrollment.makeProgram()
    const row = (status: string) => ({ programKey: program, enrollments: [{ studentKey: 'ann', status }] })
    await partner.writeProgramEnrollments(
      { ...row('enrolled'), mode: CREATE },
      { headers: { 'x-request-id': 'first' } },
    )
    await partner.writeProgramEnrollments({ ...row('ended'), mode: CREATE })
    await partner.writeProgramEnrollments({ ...row('enrolled'), mode: UPDATE })
    await partner.writeProgramEnrollments({ ...row('enrolled'), mode: CREATE_OR_UPDATE })
    await enrollment.worker.writeProgramEnrollments(
      { ...row('ended'), mode: CREATE_OR_UPDATE },
      { headers: { 'x-request-id': 'second' } },
    )
    await enrollment.operator.writeProgramEnrollments(
      { ...row('pending'), mode: UPDATE },
      { headers: { 'x-request-id': 'third' } },
    )

    const common = { student_key: 'ann', course_key: null, recent: true }
    expect(await historyOf(program)).toEqual([
      {
        ...common,
        previous_status: null,
        status: 'enrolled',
        author_kind: 'user',
        author: 'partner',
        request_id: 'first',
      },
      {
        ...common,
        previous_status: 'enrolled',
        status: 'ended',
        author_kind: 'service',
        author: 'jobs-worker',
        request_id: 'second',
      },
      {
        ...common,
        previous_status: 'ended',
        status: 'pending',
        author_kind: 'service',
        author: 'operator',
        request_id: 'third',
      },
    ])
  })
})

describe('a call', () => {
  test('asks the catalog once, as the caller, and takes the request id along', async () => {
    const program = enrollment.makeProgram()
    enrollment.catalog.calls.length = 0
    await partner.writeProgramEnrollments(
      { programKey: program, mode: CREATE },
      { headers: { 'x-request-id': 'abc' } },
    )
    expect(enrollment.catalog.calls).toMatchObject([
      {
        request: { key: program, requiredPermission: Permission.WRITE_ENROLLMENTS, courseIds: [] },
        caller: 'partner',
        requestId: 'abc',
      },
    ])
  })

  test('is refused for an unknown program, then without the permission, then without a curriculum, then without a mode', async () => {
    const reader = enrollment.as('reader', { permissions: [Permission.READ_ENROLLMENTS] })
    const withoutCurriculum = enrollment.makeProgram({ curriculumUuid: undefined })
    const refusal = async (client: EnrollmentClient, programKey: string, mode: WriteMode = CREATE) =>
      (
        await refusalOf(
          client.writeProgramEnrollments({
            programKey,
            mode,
            enrollments: [{ studentKey: 'ann', status: 'enrolled' }],
          }),
        )
      ).reason
    expect(await refusal(reader, 'unknown', WriteMode.UNSPECIFIED)).toBe(Reason.PROGRAM_NOT_FOUND)
    expect(await refusal(reader, withoutCurriculum, WriteMode.UNSPECIFIED)).toBe(Reason.PERMISSION_DENIED)
    expect(await refusal(partner, withoutCurriculum, WriteMode.UNSPECIFIED)).toBe(Reason.NO_ACTIVE_CURRICULUM)
    expect(await refusal(partner, enrollment.makeProgram(), WriteMode.UNSPECIFIED)).toBe(
      Reason.INVALID_ARGUMENT,
    )
    for (const mode of [CREATE, UPDATE, CREATE_OR_UPDATE]) {
      expect(await refusal(enrollment.worker, withoutCurriculum, mode)).toBe(Reason.NO_ACTIVE_CURRICULUM)
    }
    expect(
      await enrollment.sql('select from program_enrollments where program_uuid = $1', [
        enrollment.uuidOf(withoutCurriculum),
      ]),
    ).toEqual([])
  })

  test('is refused without a token and with a restricted one', async () => {
    const request = { programKey: enrollment.makeProgram(), mode: CREATE }
    const restricted = await enrollment.tokens.mint({ is_restricted: true })
    const refusal = async (authorization: string) =>
      (await refusalOf(partner.writeProgramEnrollments(request, { headers: { authorization } }))).reason
    expect(await refusal('Basic eA==')).toBe(Reason.CREDENTIALS_MISSING)
    expect(await refusal('JWT a.b.c')).toBe(Reason.TOKEN_INVALID)
    expect(await refusal(`JWT ${restricted}`)).toBe(Reason.TOKEN_RESTRICTED)
  })
})
