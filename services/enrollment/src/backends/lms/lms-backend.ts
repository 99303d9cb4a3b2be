import type { Upstream } from '#kit/upstream.ts'
import type { CourseGrade } from '../../domain/course-grade.ts'
import type { CourseEnrollment, ProgramEnrollment } from '../../domain/enrollment.ts'
import type { EnrollmentWrite } from '../../domain/enrollment-write.ts'
import type { AuditTrail } from '../../store/audit-trail.ts'
import type { EnrollmentBackend } from '../backend.ts'
import { readGradeRow } from './grades.ts'
import { courseItem, programItem } from './items.ts'
import { createPageFetcher, type List } from './page-fetch.ts'
import { walkPages } from './page-walk.ts'
import { courseEnrollmentsPath, courseGradesPath, programEnrollmentsPath } from './paths.ts'
import { wrongBackend } from './refusals.ts'
import { readCourseRow, readProgramRow } from './rows.ts'
import { writeInBatches } from './write-batches.ts'

/** Keeps enrollments in the LMS, by its program_enrollments API. `pageSize`: rows to ask for at once. */
export function createLmsBackend(
  lms: Upstream,
  { pageSize, trail }: { pageSize: number; trail: AuditTrail },
): EnrollmentBackend {
  const fetchPage = createPageFetcher(lms)

  return {
    writeProgramEnrollments(program, { mode, writes, author, curriculumUuid }, signal) {
      const path = programEnrollmentsPath(program.uuid)
      const batch = { action: 'program_enrollments.written', program, mode, author } as const
      const target = { operation: 'write_program_enrollments', path, batch, signal }
      const toItem = (write: EnrollmentWrite) => programItem(write, curriculumUuid)
      return writeInBatches({ lms, trail }, target, writes, toItem)
    },

    async writeCourseEnrollments(program, run, { mode, writes, author }, signal) {
      const path = courseEnrollmentsPath(program.uuid, run.key)
      const place = { program, courseKey: run.key }
      const batch = { action: 'course_enrollments.written', ...place, mode, author } as const
      const target = { operation: 'write_course_enrollments', path, batch, signal }
      return writeInBatches({ lms, trail }, target, writes, courseItem)
    },

    readProgramEnrollments({ uuid }, reading) {
      const list: List<ProgramEnrollment> = {
        operation: 'list_program_enrollments',
        names: ['LMS program enrollments', uuid],
        subject: 'enrollment',
        path: programEnrollmentsPath(uuid),
        programUuid: uuid,
        readRow: readProgramRow(reading.accounts),
      }
      return walkPages(fetchPage, list, reading, pageSize)
    },

    readCourseEnrollments({ uuid }, run, reading) {
      const list: List<CourseEnrollment> = {
        operation: 'list_course_enrollments',
        names: ['LMS course enrollments', uuid, run.key],
        subject: 'enrollment',
        path: courseEnrollmentsPath(uuid, run.key),
        programUuid: uuid,
        readRow: readCourseRow,
      }
      return walkPages(fetchPage, list, reading, pageSize)
    },

    readCourseGrades({ uuid }, run, reading) {
      const list: List<CourseGrade> = {
        operation: 'list_course_grades',
        names: ['LMS course grades', uuid, run.key],
        subject: 'grade',
        path: courseGradesPath(uuid, run.key),
        programUuid: uuid,
        readRow: readGradeRow,
      }
      return walkPages(fetchPage, list, reading, pageSize)
    },

    async linkAccounts() {
      throw wrongBackend('accounts')
    },
    async recordCourseGrades() {
      throw wrongBackend('grades')
    },
  }
}
