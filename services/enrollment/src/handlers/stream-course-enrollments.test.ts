import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { Reason } from '#kit/errors.ts'
import { Permission } from '#proto/registrar/accesscontrol/v1/permission_pb.ts'
import { WriteMode } from '#proto/registrar/enrollment/v1/enrollment_write_pb.ts'
import { collect, refusalOf } from '../testing/calls.ts'
import {
  type EnrollmentClient,
  externalKey,
  startTestEnrollment,
  type TestEnrollment,
  withExternalKey,
  withoutExternalKey,
} from '../testing/enrollment.ts'

let enrollment: TestEnrollment

beforeAll(async () => {
  enrollment = await startTestEnrollment()
})

afterAll(() => enrollment.stop())

async function makeProgram() {
  const programKey = enrollment.makeProgram()
  const students = ['ann', 'bob', 'cyd']
  const mode = WriteMode.CREATE
  await enrollment.operator.writeProgramEnrollments({
    programKey,
    mode,
    enrollments: students.map((studentKey) => ({ studentKey, status: 'enrolled' })),
  })
  for (const courseId of [withExternalKey, withoutExternalKey]) {
    await enrollment.operator.writeCourseEnrollments({
      programKey,
      mode,
      courseId,
      enrollments: [
        { studentKey: 'ann', status: 'active', courseStaff: true },
        { studentKey: 'bob', status: 'inactive' },
      ],
    })
  }
  await enrollment.operator.linkAccounts({
    programKey,
    accounts: [{ studentKey: 'bob', username: 'bob', email: 'bob@example.org' }],
  })
  return programKey
}

async function rowsOf(programKey: string, courseId: string, client: EnrollmentClient = enrollment.worker) {
  const messages = await collect(client.streamCourseEnrollments({ programKey, courseId }))
  return messages.flatMap(({ enrollments }) => enrollments.map(({ $typeName: _, ...row }) => row))
}

describe('a stream', () => {
  test('tells a run by its external key when it has one, whichever it was asked with', async () => {
    const programKey = await makeProgram()
    const common = { courseId: externalKey }
    const expected = [
      { ...common, studentKey: 'ann', status: 'active', accountExists: false, courseStaff: true },
      { ...common, studentKey: 'bob', status: 'inactive', accountExists: true, courseStaff: false },
    ]
    expect(await rowsOf(programKey, externalKey)).toEqual(expected)
    expect(await rowsOf(programKey, withExternalKey)).toEqual(expected)
    expect((await rowsOf(programKey, withoutExternalKey)).map(({ courseId }) => courseId)).toEqual([
      withoutExternalKey,
      withoutExternalKey,
    ])
  })

  test('of a run without learners ends with an empty token', async () => {
    const programKey = enrollment.makeProgram()
    const messages = await collect(
      enrollment.worker.streamCourseEnrollments({ programKey, courseId: externalKey }),
    )
    expect(messages).toMatchObject([{ enrollments: [], nextPageToken: '' }])
  })

  test('of 100,000 rows can be taken up at any token', async () => {
    const programKey = enrollment.makeProgram()
    await enrollment.sql(
      `insert into course_enrollments (program_uuid, organization_id, course_key, student_key, status)
       select $1, $1, $2, 's' || i, 'active' from generate_series(1, 100000) i order by i`,
      [enrollment.uuidOf(programKey), withExternalKey],
    )
    const read: string[] = []
    let pageToken = ''
    do {
      const request = { programKey, courseId: externalKey, pageToken, limit: 33_333 }
      for (const message of await collect(enrollment.worker.streamCourseEnrollments(request))) {
        read.push(...message.enrollments.map(({ studentKey }) => studentKey))
        pageToken = message.nextPageToken
      }
    } while (pageToken !== '')
    expect(read).toEqual(Array.from({ length: 100_000 }, (_, i) => `s${i + 1}`))
  })

  test('shows nothing of another program of the run', async () => {
    const organizationId = crypto.randomUUID()
    const programKey = enrollment.makeProgram({ organizationId })
    await makeProgram()
    expect(await rowsOf(programKey, withExternalKey)).toEqual([])
  })
})

test('a call is refused for an unknown program, then without the permission, then for an unknown run, then for its shape', async () => {
  const writer = enrollment.as('writer', { permissions: [Permission.WRITE_ENROLLMENTS] })
  const programKey = await makeProgram()
  const refusal = async (client: EnrollmentClient, key: string, courseId: string) =>
    (await refusalOf(collect(client.streamCourseEnrollments({ programKey: key, courseId, limit: -1 }))))
      .reason
  expect(await refusal(writer, 'unknown', 'unknown')).toBe(Reason.PROGRAM_NOT_FOUND)
  expect(await refusal(writer, programKey, 'unknown')).toBe(Reason.PERMISSION_DENIED)
  expect(await refusal(enrollment.worker, programKey, 'unknown')).toBe(Reason.COURSE_NOT_FOUND)
  expect(await refusal(enrollment.worker, programKey, externalKey)).toBe(Reason.INVALID_ARGUMENT)
})
