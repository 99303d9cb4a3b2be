import { setTimeout as sleep } from 'node:timers/promises'
import type { MessageInitShape } from '@bufbuild/protobuf'
import type { ServiceImpl } from '@connectrpc/connect'
import { DomainError, Reason } from '#kit/errors.ts'
import type { CourseGradeSchema } from '#proto/registrar/enrollment/v1/course_grade_pb.ts'
import type { EnrollmentService } from '#proto/registrar/enrollment/v1/enrollment_service_pb.ts'
import type { EnrollmentWrite } from '#proto/registrar/enrollment/v1/enrollment_write_pb.ts'

export type TestProgram = {
  id: string
  discoveryUuid: string
  organizationKey: string
  hasNoCurriculum?: boolean
  /** Internal key → external key, in the order of the curriculum. */
  courses: Record<string, string>
}

/** Enrollment as jobs meet it: rows made up as they are asked for, writes kept. */
export type TestEnrollment = {
  /** Rows of every program, and of every course run that `courseRows` does not name. */
  rows: number
  courseRows: Record<string, number>
  grades: MessageInitShape<typeof CourseGradeSchema>[]
  /** A pause before each page, in milliseconds. */
  pageDelayMs: number
  /** Page tokens with which a stream was opened, in order. */
  streamsFrom: string[]
  /** Errors that the next calls end with, each once. */
  failures: Error[]
  /** Every write, in order. */
  writes: { courseId?: string; studentKey: string; status: string; courseStaff?: boolean }[]
  /** How many rows each write call had. */
  writeSizes: number[]
  /** What comes of a write; accepted with its status unless told otherwise. */
  judge(write: EnrollmentWrite): { status: string; accepted: boolean }
  /** Results that the LMS adds unasked. */
  unasked: { studentKey: string; status: string; accepted: boolean }[]
  routes: Partial<ServiceImpl<typeof EnrollmentService>>
}

const pageRows = 1_000

export function createTestEnrollment(programs: Map<string, TestProgram>): TestEnrollment {
  const enrollment: TestEnrollment = {
    rows: 0,
    courseRows: {},
    grades: [],
    pageDelayMs: 0,
    streamsFrom: [],
    failures: [],
    writes: [],
    writeSizes: [],
    judge: ({ status }) => ({ status, accepted: true }),
    unasked: [],
    routes: {
      async *streamProgramEnrollments({ pageToken, limit, includeAccounts }) {
        for await (const { from, to, nextPageToken } of pages(enrollment.rows, pageToken, limit)) {
          const enrollments = range(from, to).map((n) => ({
            studentKey: `student-${n}`,
            status: 'enrolled',
            accountExists: n % 2 === 0,
            username: includeAccounts && n % 2 === 0 ? `learner${n}` : '',
            email: includeAccounts && n % 2 === 0 ? `learner${n}@example.com` : '',
          }))
          yield { enrollments, nextPageToken }
        }
      },
      async *streamCourseEnrollments({ programKey, courseId, pageToken, limit }) {
        const external = programs.get(programKey)?.courses[courseId]
        const count = enrollment.courseRows[courseId] ?? enrollment.rows
        for await (const { from, to, nextPageToken } of pages(count, pageToken, limit)) {
          const enrollments = range(from, to).map((n) => ({
            courseId: external || courseId,
            studentKey: `student-${n}`,
            status: 'active',
            accountExists: true,
            courseStaff: n % 2 === 1,
          }))
          yield { enrollments, nextPageToken }
        }
      },
      async *streamCourseGrades({ pageToken, limit }) {
        for await (const { from, to, nextPageToken } of pages(enrollment.grades.length, pageToken, limit)) {
          yield { grades: enrollment.grades.slice(from, to), nextPageToken }
        }
      },
      async writeProgramEnrollments({ enrollments }) {
        return { results: await write(undefined, enrollments) }
      },
      async writeCourseEnrollments({ programKey, courseId, enrollments }) {
        const courses = Object.entries(programs.get(programKey)?.courses ?? {}).flat()
        if (!courses.includes(courseId)) throw new DomainError(Reason.COURSE_NOT_FOUND, 'Not found.')
        return { results: await write(courseId, enrollments) }
      },
    },
  }

  async function* pages(count: number, pageToken: string, limit: number) {
    enrollment.streamsFrom.push(pageToken)
    const end = limit === 0 ? count : Math.min(count, Number(pageToken) + limit)
    let from = Number(pageToken)
    do {
      const failure = enrollment.failures.shift()
      if (failure !== undefined) throw failure
      if (enrollment.pageDelayMs > 0) await sleep(enrollment.pageDelayMs)
      const to = Math.min(end, from + pageRows)
      yield { from, to, nextPageToken: to < count ? String(to) : '' }
      from = to
    } while (from < end)
  }

  async function write(courseId: string | undefined, rows: EnrollmentWrite[]) {
    const failure = enrollment.failures.shift()
    if (failure !== undefined) throw failure
    if (enrollment.pageDelayMs > 0) await sleep(enrollment.pageDelayMs)
    enrollment.writeSizes.push(rows.length)
    for (const { studentKey, status, courseStaff } of rows) {
      enrollment.writes.push({ ...(courseId && { courseId }), studentKey, status, courseStaff })
    }
    return [
      ...rows.map((row) => ({ studentKey: row.studentKey, ...enrollment.judge(row) })),
      ...enrollment.unasked,
    ]
  }

  return enrollment
}

function range(from: number, to: number): number[] {
  return Array.from({ length: to - from }, (_, index) => from + index)
}
