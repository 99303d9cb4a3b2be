import { randomUUID } from 'node:crypto'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { Reason } from '#kit/errors.ts'
import { Permission } from '#proto/registrar/accesscontrol/v1/permission_pb.ts'
import { WriteMode } from '#proto/registrar/enrollment/v1/enrollment_write_pb.ts'
import { refusalOf } from '../testing/calls.ts'
import {
  type EnrollmentClient,
  externalKey,
  startTestEnrollment,
  type TestEnrollment,
  withExternalKey,
  withoutExternalKey,
} from '../testing/enrollment.ts'

const { CREATE, UPDATE, CREATE_OR_UPDATE } = WriteMode
const everyMode = [CREATE, UPDATE, CREATE_OR_UPDATE]

let enrollment: TestEnrollment
let partner: EnrollmentClient

beforeAll(async () => {
  enrollment = await startTestEnrollment()
  partner = enrollment.as('partner')
})

afterAll(() => enrollment.stop())

type Row = [studentKey: string, status: string, courseStaff?: boolean]

/** Writes and returns what came of each as `student key: status`, with `!` when it was refused. */
async function write(
  programKey: string,
  mode: WriteMode,
  rows: Row[],
  courseId = withExternalKey,
  client = partner,
) {
  const enrollments = rows.map(([studentKey, status, courseStaff]) => ({ studentKey, status, courseStaff }))
  const { results } = await client.writeCourseEnrollments({ programKey, courseId, mode, enrollments })
  return results.map(({ studentKey, status, accepted }) => `${studentKey}: ${accepted ? '' : '!'}${status}`)
}

async function makeProgramWith(students: string[], organizationId = randomUUID()) {
  const programKey = enrollment.makeProgram({ organizationId })
  const enrollments = students.map((studentKey) => ({ studentKey, status: 'enrolled' }))
  await partner.writeProgramEnrollments({ programKey, mode: CREATE, enrollments })
  return programKey
}

async function stored(programKey: string, courseId = withExternalKey) {
  const { enrollments } = await partner.listCourseEnrollments({ programKey, courseId })
  return enrollments.map(({ studentKey, status }) => `${studentKey}: ${status}`)
}

describe('a write', () => {
  test('that creates sets the status of who is new in the run and leaves who is there', async () => {
    const program = await makeProgramWith(['ann', 'bob'])
    expect(await write(program, CREATE, [['ann', 'active']])).toEqual(['ann: active'])
    expect(
      await write(program, CREATE, [
        ['ann', 'inactive'],
        ['bob', 'inactive'],
      ]),
    ).toEqual(['ann: !conflict', 'bob: inactive'])
    expect(await stored(program)).toEqual(['ann: active', 'bob: inactive'])
  })

  test('that updates sets the status of who is in the run and makes nobody', async () => {
    const program = await makeProgramWith(['ann', 'bob'])
    await write(program, CREATE, [['ann', 'active']])
    expect(
      await write(program, UPDATE, [
        ['ann', 'inactive'],
        ['bob', 'active'],
      ]),
    ).toEqual(['ann: inactive', 'bob: !not-found'])
    expect(await stored(program)).toEqual(['ann: inactive'])
  })

  test('that does both sets every status, also one that is set already', async () => {
    const program = await makeProgramWith(['ann', 'bob', 'cyd'])
    await write(program, CREATE, [
      ['ann', 'active'],
      ['bob', 'active'],
    ])
    expect(
      await write(program, CREATE_OR_UPDATE, [
        ['ann', 'active'],
        ['bob', 'inactive'],
        ['cyd', 'active'],
      ]),
    ).toEqual(['ann: active', 'bob: inactive', 'cyd: active'])
    expect(await stored(program)).toEqual(['ann: active', 'bob: inactive', 'cyd: active'])
  })

  test('refuses learners who are not in the program, in every mode', async () => {
    const program = await makeProgramWith(['ann'])
    for (const mode of everyMode) {
      expect(
        await write(program, mode, [
          ['zoe', 'active'],
          ['yul', 'inactive'],
        ]),
      ).toEqual(['yul: !not-in-program', 'zoe: !not-in-program'])
    }
    expect(await stored(program)).toEqual([])
  })

  test('calls a status invalid before it looks for the learner, and a learner named twice duplicated before that', async () => {
    const program = await makeProgramWith(['ann'])
    for (const mode of everyMode) {
      expect(
        await write(program, mode, [
          ['ann', 'enrolled'],
          ['zoe', 'ACTIVE'],
          ['bob', 'x'],
          ['bob', 'active'],
        ]),
      ).toEqual(['ann: !invalid-status', 'bob: !duplicated', 'zoe: !invalid-status'])
    }
  })

  test('refuses a row that can be no enrollment, alone', async () => {
    const program = await makeProgramWith(['ann'])
    expect(
      await write(program, CREATE, [
        ['', 'active'],
        ['a\0', 'active'],
        ['bob', ''],
        ['ann', 'active'],
      ]),
    ).toEqual([': !internal-error', 'a\0: !internal-error', 'ann: active', 'bob: !internal-error'])
  })

  test('means the same run by its internal and by its external key, and another by another key', async () => {
    const program = await makeProgramWith(['ann'])
    await write(program, CREATE, [['ann', 'active']], externalKey)
    expect(await write(program, CREATE, [['ann', 'active']], withExternalKey)).toEqual(['ann: !conflict'])
    expect(await write(program, CREATE, [['ann', 'active']], withoutExternalKey)).toEqual(['ann: active'])
    expect(await stored(program, externalKey)).toEqual(['ann: active'])
  })

  test('of more rows than go into one statement does all of them', async () => {
    const students = Array.from({ length: 6_000 }, (_, i) => `s${String(i).padStart(5, '0')}`)
    const program = await makeProgramWith(students.filter((_, i) => i % 2 === 0))
    const rows = students.map((student): Row => [student, 'active'])
    expect(await write(program, CREATE, rows)).toEqual(
      students.map((s, i) => `${s}: ${i % 2 === 0 ? 'active' : '!not-in-program'}`),
    )
  })
})

describe('a learner who is active in the run by another program of the organization', () => {
  test('is a conflict when wanted active, before anything is said of this program', async () => {
    const organizationId = randomUUID()
    const other = await makeProgramWith(['ann', 'bob'], organizationId)
    const program = await makeProgramWith(['ann'], organizationId)
    await write(program, CREATE, [['ann', 'inactive']])
    await write(other, CREATE, [
      ['ann', 'active'],
      ['bob', 'active'],
    ])
    for (const mode of everyMode) {
      expect(
        await write(program, mode, [
          ['ann', 'active'],
          ['bob', 'active'],
        ]),
      ).toEqual(['ann: !conflict', 'bob: !conflict'])
    }
    expect(await stored(program)).toEqual(['ann: inactive'])
  })

  test('is none when wanted inactive, in another run, or once inactive there', async () => {
    const organizationId = randomUUID()
    const other = await makeProgramWith(['ann'], organizationId)
    const program = await makeProgramWith(['ann'], organizationId)
    await write(other, CREATE, [['ann', 'active']])
    expect(await write(program, CREATE, [['ann', 'inactive']])).toEqual(['ann: inactive'])
    expect(await write(program, CREATE, [['ann', 'active']], withoutExternalKey)).toEqual(['ann: active'])
    await write(other, UPDATE, [['ann', 'inactive']])
    expect(await write(program, UPDATE, [['ann', 'active']])).toEqual(['ann: active'])
    expect(await write(other, UPDATE, [['ann', 'active']])).toEqual(['ann: !conflict'])
  })

  test('is nobody to another organization, whose keys name other people', async () => {
    const [one, other] = [await makeProgramWith(['ann']), await makeProgramWith(['ann'])]
    expect(await write(one, CREATE, [['ann', 'active']])).toEqual(['ann: active'])
    expect(await write(other, CREATE, [['ann', 'active']])).toEqual(['ann: active'])
  })
})

describe('course_staff', () => {
  const staffOf = async (programKey: string) => {
    const { enrollments } = await partner.listCourseEnrollments({ programKey, courseId: withExternalKey })
    return Object.fromEntries(enrollments.map(({ studentKey, courseStaff }) => [studentKey, courseStaff]))
  }

  test('is set when sent and untouched when not, also beside an unchanged status', async () => {
    const manager = enrollment.as('manager', { flags: ['enable_course_role_management'] })
    const program = await makeProgramWith(['ann', 'bob', 'cyd'])
    const set = (mode: WriteMode, rows: Row[]) => write(program, mode, rows, withExternalKey, manager)
    await set(CREATE, [
      ['ann', 'active', true],
      ['bob', 'active', false],
      ['cyd', 'active'],
    ])
    expect(await staffOf(program)).toEqual({ ann: true, bob: false, cyd: false })
    await set(UPDATE, [
      ['ann', 'inactive'],
      ['bob', 'active', true],
      ['cyd', 'active'],
    ])
    expect(await staffOf(program)).toEqual({ ann: true, bob: true, cyd: false })
    await set(CREATE_OR_UPDATE, [
      ['ann', 'inactive', false],
      ['bob', 'inactive'],
      ['cyd', 'active', true],
    ])
    expect(await staffOf(program)).toEqual({ ann: false, bob: true, cyd: true })
  })

  test('is refused to a user without the flag, with nothing written, and taken from our own processes', async () => {
    const program = await makeProgramWith(['ann', 'bob'])
    for (const staff of [true, false]) {
      expect(
        await refusalOf(
          write(program, CREATE, [
            ['ann', 'active'],
            ['bob', 'active', staff],
          ]),
        ),
      ).toMatchObject({
        reason: Reason.COURSE_STAFF_DISABLED,
        message: '"course_staff" not accepted since role assignment is not enabled',
      })
    }
    expect(await stored(program)).toEqual([])
    await write(program, CREATE, [['ann', 'active', true]], withExternalKey, enrollment.worker)
    await write(program, CREATE, [['bob', 'active', true]], withExternalKey, enrollment.operator)
    expect(await staffOf(program)).toEqual({ ann: true, bob: true })
  })

  test('that is refused with its row changes nothing', async () => {
    const program = await makeProgramWith(['ann'])
    await write(program, CREATE, [['ann', 'active']])
    expect(
      await write(program, CREATE, [['ann', 'inactive', true]], withExternalKey, enrollment.worker),
    ).toEqual(['ann: !conflict'])
    expect(await staffOf(program)).toEqual({ ann: false })
  })
})

test('the history tells each change of status and of staff', async () => {
  const program = await makeProgramWith(['ann'])
  await write(program, CREATE, [['ann', 'active']])
  await write(program, UPDATE, [['ann', 'active']])
  await write(program, UPDATE, [['ann', 'active', true]], withExternalKey, enrollment.worker)
  await write(program, CREATE_OR_UPDATE, [['ann', 'inactive']])
  await write(program, CREATE_OR_UPDATE, [['ann', 'inactive', true]], withExternalKey, enrollment.worker)
  const rows = await enrollment.sql(
    `select previous_status, status, previous_course_staff, course_staff, author from enrollment_changes
     where program_uuid = $1 and course_key = $2 and student_key = 'ann' order by id`,
    [enrollment.uuidOf(program), withExternalKey],
  )
  expect(rows).toEqual([
    {
      previous_status: null,
      status: 'active',
      previous_course_staff: null,
      course_staff: null,
      author: 'partner',
    },
    {
      previous_status: 'active',
      status: 'active',
      previous_course_staff: null,
      course_staff: true,
      author: 'jobs-worker',
    },
    {
      previous_status: 'active',
      status: 'inactive',
      previous_course_staff: true,
      course_staff: true,
      author: 'partner',
    },
  ])
})

describe('a call', () => {
  test('asks the catalog once, for the program, the permission and the run together', async () => {
    const program = await makeProgramWith([])
    enrollment.catalog.calls.length = 0
    await write(program, CREATE, [], externalKey)
    expect(enrollment.catalog.calls).toMatchObject([
      {
        request: { key: program, requiredPermission: Permission.WRITE_ENROLLMENTS, courseIds: [externalKey] },
        caller: 'partner',
      },
    ])
  })

  test('is refused for an unknown program, then without the permission, then for an unknown run, then for its shape', async () => {
    const reader = enrollment.as('reader', { permissions: [Permission.READ_ENROLLMENTS] })
    const program = await makeProgramWith(['ann'])
    const refusal = async (client: EnrollmentClient, programKey: string, courseId: string) =>
      (await refusalOf(write(programKey, WriteMode.UNSPECIFIED, [['ann', 'active', true]], courseId, client)))
        .reason
    expect(await refusal(reader, 'unknown', 'unknown')).toBe(Reason.PROGRAM_NOT_FOUND)
    expect(await refusal(reader, program, 'unknown')).toBe(Reason.PERMISSION_DENIED)
    for (const unknown of ['unknown', '', 'constructor', '__proto__', externalKey.toLowerCase()]) {
      expect(await refusal(partner, program, unknown)).toBe(Reason.COURSE_NOT_FOUND)
    }
    expect(await refusal(partner, program, externalKey)).toBe(Reason.INVALID_ARGUMENT)
  })
})
