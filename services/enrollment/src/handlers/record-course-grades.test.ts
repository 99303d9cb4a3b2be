import type { MessageInitShape } from '@bufbuild/protobuf'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { Reason } from '#kit/errors.ts'
import { Permission } from '#proto/registrar/accesscontrol/v1/permission_pb.ts'
import type { CourseGradeSchema } from '#proto/registrar/enrollment/v1/course_grade_pb.ts'
import { WriteMode } from '#proto/registrar/enrollment/v1/enrollment_write_pb.ts'
import { collect, refusalOf } from '../testing/calls.ts'
import {
  type EnrollmentClient,
  externalKey,
  startTestEnrollment,
  type TestEnrollment,
  withExternalKey,
} from '../testing/enrollment.ts'

let enrollment: TestEnrollment

beforeAll(async () => {
  enrollment = await startTestEnrollment()
})

afterAll(() => enrollment.stop())

const students = ['ann', 'bob', 'cyd', 'dan']

/** A program whose learners are all in the run and, but for `dan`, have accounts. */
async function makeProgram(keys = students) {
  const programKey = enrollment.makeProgram()
  const mode = WriteMode.CREATE
  const write = (status: string) => ({
    programKey,
    mode,
    enrollments: keys.map((studentKey) => ({ studentKey, status })),
  })
  await enrollment.operator.writeProgramEnrollments(write('enrolled'))
  await enrollment.operator.writeCourseEnrollments({ ...write('active'), courseId: withExternalKey })
  const accounts = keys
    .filter((key) => key !== 'dan')
    .map((studentKey) => ({ studentKey, username: `user-${studentKey}` }))
  await enrollment.operator.linkAccounts({ programKey, accounts })
  return programKey
}

type CourseGrade = MessageInitShape<typeof CourseGradeSchema>

function grade(studentKey: string, percent: string, passed: boolean, letterGrade?: string): CourseGrade {
  return { studentKey, outcome: { case: 'grade', value: { percent, passed, letterGrade } } }
}

function fault(studentKey: string, value: string): CourseGrade {
  return { studentKey, outcome: { case: 'error', value } }
}

async function record(programKey: string, grades: CourseGrade[], courseId = externalKey) {
  return (await enrollment.operator.recordCourseGrades({ programKey, courseId, grades })).recorded
}

async function gradesOf(programKey: string, request: { pageToken?: string; limit?: number } = {}) {
  const messages = await collect(
    enrollment.worker.streamCourseGrades({ programKey, courseId: withExternalKey, ...request }),
  )
  return messages.flatMap(({ grades }) =>
    grades.map(({ studentKey, outcome }) => [
      studentKey,
      outcome.case === 'grade' ? { ...outcome.value, $typeName: undefined } : outcome.value,
    ]),
  )
}

describe('grades', () => {
  test('are told with three decimals, with or without a letter, or as the error they have', async () => {
    const programKey = await makeProgram()
    expect(
      await record(programKey, [
        grade('ann', '0.95', true, 'A'),
        grade('bob', '0', false),
        fault('cyd', 'no grade yet'),
      ]),
    ).toBe(3)
    expect(await gradesOf(programKey)).toEqual([
      ['ann', { percent: '0.950', passed: true, letterGrade: 'A' }],
      ['bob', { percent: '0.000', passed: false }],
      ['cyd', 'no grade yet'],
    ])
  })

  test('are told of learners with accounts only, however it is paged', async () => {
    const keys = Array.from({ length: 2_500 }, (_, i) => `s${String(i).padStart(4, '0')}`)
    const programKey = await makeProgram(keys)
    expect(
      await record(
        programKey,
        keys.map((key) => grade(key, '1.000', true)),
      ),
    ).toBe(2_500)
    const withoutAccount = new Set(keys.filter((_, i) => i % 3 !== 0))
    await enrollment.operator.linkAccounts({
      programKey,
      accounts: [...withoutAccount].map((studentKey) => ({ studentKey })),
    })
    const expected = keys.filter((key) => !withoutAccount.has(key))
    expect((await gradesOf(programKey)).map(([key]) => key)).toEqual(expected)
    const read: unknown[] = []
    let pageToken = ''
    do {
      const request = { programKey, courseId: externalKey, pageToken, limit: 100 }
      for (const message of await collect(enrollment.worker.streamCourseGrades(request))) {
        read.push(...message.grades.map(({ studentKey }) => studentKey))
        pageToken = message.nextPageToken
      }
    } while (pageToken !== '')
    expect(read).toEqual(expected)
  })

  test('are replaced by later ones, also in one call, and keep their place', async () => {
    const programKey = await makeProgram()
    await record(programKey, [fault('ann', 'not yet'), grade('bob', '0.5', false, 'F')])
    expect(
      await record(programKey, [
        grade('bob', '0.6', true, 'D'),
        grade('ann', '0.1', false),
        grade('ann', '0.999', true, 'B'),
      ]),
    ).toBe(2)
    expect(await gradesOf(programKey)).toEqual([
      ['ann', { percent: '0.999', passed: true, letterGrade: 'B' }],
      ['bob', { percent: '0.600', passed: true, letterGrade: 'D' }],
    ])
  })

  test('of learners who are not in the run are passed over', async () => {
    const programKey = await makeProgram()
    await enrollment.operator.writeProgramEnrollments({
      programKey,
      mode: WriteMode.CREATE,
      enrollments: [{ studentKey: 'eve', status: 'enrolled' }],
    })
    expect(
      await record(programKey, [
        grade('eve', '1', true),
        grade('zoe', '1', true),
        grade('a\0', '1', true),
        grade('', '1', true),
        grade('ann', '1', true),
      ]),
    ).toBe(1)
    expect(await record(programKey, [])).toBe(0)
    expect((await gradesOf(programKey)).map(([key]) => key)).toEqual(['ann'])
  })
})

describe('a grade that breaks a rule is refused by its field, and nothing is recorded', () => {
  test.each([
    [grade('bob', '', true), 'grades[1].grade.percent'],
    [grade('bob', '10.000', true), 'grades[1].grade.percent'],
    [grade('bob', '0.1234', true), 'grades[1].grade.percent'],
    [grade('bob', '-0.1', true), 'grades[1].grade.percent'],
    [grade('bob', '1e0', true), 'grades[1].grade.percent'],
    [grade('bob', 'NaN', true), 'grades[1].grade.percent'],
    [grade('bob', '1', true, ''), 'grades[1].grade.letter_grade'],
    [grade('bob', '1', true, 'A\0'), 'grades[1].grade.letter_grade'],
    [fault('bob', ''), 'grades[1].error'],
    [{ studentKey: 'bob' }, 'grades[1]'],
  ])('%j', async (wrong, field) => {
    const programKey = await makeProgram()
    expect(await refusalOf(record(programKey, [grade('ann', '1', true), wrong]))).toMatchObject({
      reason: Reason.INVALID_ARGUMENT,
      fields: [field],
    })
    expect(await gradesOf(programKey)).toEqual([])
  })
})

test('only the operator records grades; reading them wants the permission to read enrollments', async () => {
  const programKey = await makeProgram()
  const request = { programKey, courseId: externalKey }
  const partner = enrollment.as('partner')
  const writer = enrollment.as('writer', { permissions: [Permission.WRITE_ENROLLMENTS] })
  const stream = (client: EnrollmentClient) => collect(client.streamCourseGrades(request))
  for (const client of [partner, enrollment.worker]) {
    expect((await refusalOf(client.recordCourseGrades(request))).reason).toBe(Reason.PERMISSION_DENIED)
  }
  expect((await refusalOf(stream(writer))).reason).toBe(Reason.PERMISSION_DENIED)
  expect((await refusalOf(stream(enrollment.operator))).reason).toBe(Reason.PERMISSION_DENIED)
  expect(await stream(partner)).toHaveLength(1)
})
