import type { Upstream } from '#kit/upstream.ts'
import type { CourseGrade } from '../../domain/course-grade.ts'
import type { CourseEnrollment, ProgramEnrollment } from '../../domain/enrollment.ts'
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
export function createLmsBackend(lms: Upstream, { pageSize }: { pageSize: number }): EnrollmentBackend {
  const fetchPage = createPageFetcher(lms)

  return {
    writeProgramEnrollments({ uuid }, { mode, writes, author, curriculumUuid }, signal) {
      const path = programEnrollmentsPath(uuid)
      const target = { path, programUuid: uuid, mode, requestId: author.requestId, signal }
      return writeInBatches(lms, target, writes, (write) => programItem(write, curriculumUuid))
    },

    async writeCourseEnrollments({ uuid }, run, { mode, writes, author }, signal) {
      const path = courseEnrollmentsPath(uuid, run.key)
      const target = { path, programUuid: uuid, mode, requestId: author.requestId, signal }
      return writeInBatches(lms, target, writes, courseItem)
    },

    readProgramEnrollments({ uuid }, reading) {
      const list: List<ProgramEnrollment> = {
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
