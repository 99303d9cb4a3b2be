import { afterAll, beforeAll, expect, test } from 'vitest'
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
} from '../testing/enrollment.ts'

let enrollment: TestEnrollment
let partner: EnrollmentClient
let programKey: string

const count = 2_345
const keys = Array.from({ length: count }, (_, i) => `s${String(count - i).padStart(5, '0')}`)

beforeAll(async () => {
  enrollment = await startTestEnrollment()
  partner = enrollment.as('partner')
  programKey = enrollment.makeProgram()
  // One call each, so that the order in which they were made is not that of their keys.
  for (let at = 0; at < count; at += 335) {
    const students = keys.slice(at, at + 335).toSorted()
    const mode = WriteMode.CREATE
    const toProgram = students.map((studentKey) => ({ studentKey, status: 'enrolled' }))
    const toCourse = students.map((studentKey) => ({ studentKey, status: 'active' }))
    await partner.writeProgramEnrollments({ programKey, mode, enrollments: toProgram })
    await partner.writeCourseEnrollments({
      programKey,
      courseId: withExternalKey,
      mode,
      enrollments: toCourse,
    })
  }
})

afterAll(() => enrollment.stop())

const inOrderMade = () =>
  Array.from({ length: 7 }, (_, i) => keys.slice(i * 335, (i + 1) * 335).toSorted()).flat()

type Page = { enrollments: { studentKey: string }[]; nextPageToken: string }
const kinds: [
  string,
  (request: { pageSize?: number; pageToken?: string }, client?: EnrollmentClient) => Promise<Page>,
][] = [
  ['program', (request, client = partner) => client.listProgramEnrollments({ programKey, ...request })],
  [
    'course',
    (request, client = partner) =>
      client.listCourseEnrollments({ programKey, courseId: externalKey, ...request }),
  ],
]

test.each(kinds)(
  'pages of %s enrollments add up to all of them in the order in which they were made',
  async (_, list) => {
    for (const pageSize of [1_000, 777, 335]) {
      const read: string[] = []
      let pageToken = ''
      do {
        const page = await list({ pageSize, pageToken })
        expect(page.enrollments.length).toBe(Math.min(pageSize, count - read.length))
        read.push(...page.enrollments.map(({ studentKey }) => studentKey))
        pageToken = page.nextPageToken
      } while (pageToken !== '')
      expect(read).toEqual(inOrderMade())
    }
  },
)

test.each(kinds)(
  'a page of %s enrollments has 100 rows unless told, 1,000 at most, and not fewer than none',
  async (_, list) => {
    expect((await list({})).enrollments).toHaveLength(100)
    expect((await list({ pageSize: 1 })).enrollments).toHaveLength(1)
    expect((await list({ pageSize: 5_000 })).enrollments).toHaveLength(1_000)
    expect(await refusalOf(list({ pageSize: -1 }))).toMatchObject({
      reason: Reason.INVALID_ARGUMENT,
      fields: ['page_size'],
    })
    expect((await refusalOf(list({ pageToken: 'nonsense' }))).reason).toBe(Reason.PAGE_TOKEN_INVALID)
  },
)

test.each(kinds)(
  'a page token of %s enrollments goes on in a stream, and the other way round',
  async (kind, list) => {
    const stream = (pageToken: string, limit: number) =>
      kind === 'program'
        ? collect<Page>(partner.streamProgramEnrollments({ programKey, pageToken, limit }))
        : collect<Page>(
            partner.streamCourseEnrollments({ programKey, courseId: withExternalKey, pageToken, limit }),
          )
    const page = await list({ pageSize: 10 })
    const [part] = await stream(page.nextPageToken, 10)
    const next = await list({ pageSize: 10, pageToken: part?.nextPageToken })
    const read = [page, part as Page, next].flatMap(({ enrollments }) =>
      enrollments.map(({ studentKey }) => studentKey),
    )
    expect(read).toEqual(inOrderMade().slice(0, 30))
  },
)

test.each(kinds)('listing %s enrollments wants the permission to read them and a user', async (_, list) => {
  const writer = enrollment.as('writer', { permissions: [Permission.WRITE_ENROLLMENTS] })
  expect((await refusalOf(list({}, writer))).reason).toBe(Reason.PERMISSION_DENIED)
  expect((await refusalOf(list({}, enrollment.worker))).reason).toBe(Reason.PERMISSION_DENIED)
  expect((await refusalOf(list({}, enrollment.operator))).reason).toBe(Reason.PERMISSION_DENIED)
})
