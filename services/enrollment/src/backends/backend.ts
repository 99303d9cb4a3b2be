import type { Author } from '#kit/author.ts'
import type { CourseGrade } from '../domain/course-grade.ts'
import type { CourseEnrollment, LearnerAccount, ProgramEnrollment } from '../domain/enrollment.ts'
import type { EnrollmentWrite, WriteMode, WriteOutcome } from '../domain/enrollment-write.ts'
import type { EnrollmentCourseRun, EnrollmentProgram } from '../domain/program.ts'

/**
 * Where enrollments are kept. One implementation for each deployment; handlers cannot tell them apart.
 *
 * The caller has been let in before: a backend decides nothing about permissions. It throws a DomainError for what a caller is to
 * be told and lets errors of its database pass. Nothing here goes by the keys of programs, which may change.
 *
 * It puts down in the audit trail what it writes: in the transaction that writes it, or, where another system does, before and after.
 */
export type EnrollmentBackend = ProgramEnrollments & CourseEnrollments & CourseGrades

export type ProgramEnrollments = {
  /**
   * Writes program enrollments. Each learner appears once, in code-point order; so do the outcomes, after which may come
   * outcomes of learners whom nobody asked about. A learner without an outcome counts as `internal-error`.
   *
   * Each learner is written whole or not at all; when the call fails or its signal aborts, some may have been written.
   */
  writeProgramEnrollments(
    program: EnrollmentProgram,
    writing: Writing & { curriculumUuid: string },
    signal: AbortSignal,
  ): Promise<WriteOutcome[]>

  /** A program's enrollments in the order in which they were made. `accounts`: with usernames and e-mail addresses. */
  readProgramEnrollments(
    program: EnrollmentProgram,
    reading: Reading & { accounts: boolean },
  ): AsyncIterable<Batch<ProgramEnrollment>>

  /** Links accounts to learners of a program and counts the learners found. WRONG_BACKEND. */
  linkAccounts(
    program: EnrollmentProgram,
    linking: { accounts: readonly LearnerAccount[]; author: Author },
    signal: AbortSignal,
  ): Promise<number>
}

export type CourseEnrollments = {
  /** Writes enrollments in a course run, as `writeProgramEnrollments`. */
  writeCourseEnrollments(
    program: EnrollmentProgram,
    run: EnrollmentCourseRun,
    writing: Writing,
    signal: AbortSignal,
  ): Promise<WriteOutcome[]>

  /** A course run's enrollments by way of a program, in the order in which they were made. */
  readCourseEnrollments(
    program: EnrollmentProgram,
    run: EnrollmentCourseRun,
    reading: Reading,
  ): AsyncIterable<Batch<CourseEnrollment>>
}

export type CourseGrades = {
  /** Grades of a course run's learners by way of a program who have accounts. */
  readCourseGrades(
    program: EnrollmentProgram,
    run: EnrollmentCourseRun,
    reading: Reading,
  ): AsyncIterable<Batch<CourseGrade>>

  /** Records grades, replacing earlier ones, and counts the learners found. WRONG_BACKEND. */
  recordCourseGrades(
    program: EnrollmentProgram,
    run: EnrollmentCourseRun,
    recording: { grades: readonly CourseGrade[]; author: Author },
    signal: AbortSignal,
  ): Promise<number>
}

/** What to write, and on whose behalf. */
export type Writing = {
  readonly mode: WriteMode
  readonly writes: readonly EnrollmentWrite[]
  readonly author: Author
}

/** Which rows to read. */
export type Reading = {
  /** Where to go on: a token of an earlier batch of the same list, or empty for the beginning. PAGE_TOKEN_INVALID. */
  readonly pageToken: string
  /** Stop after so many rows; 0 means at the end. */
  readonly limit: number
  /** Ends the reading between two batches. */
  readonly signal: AbortSignal
  /** The id of the request that is being served, for whom the backend calls. */
  readonly requestId: string
}

/**
 * Some rows, 1,000 at most. Reading ends with a batch whose token is empty, possibly without rows, unless the limit ended it.
 * The next batch is fetched while the consumer works on this one; no more than that is ever held.
 */
export type Batch<Row> = {
  readonly rows: readonly Row[]
  /** Where to go on behind these rows; empty when there are no more. */
  readonly nextPageToken: string
}
