/** What a job that reads does; also the name of its Temporal workflow type. */
export const readKinds = [
  'ListProgramEnrollments',
  'ListCourseRunEnrollments',
  'ListAllCourseRunEnrollments',
  'GetCourseRunGrades',
] as const

/** What a job that writes does; also the name of its Temporal workflow type. */
export const writeKinds = ['WriteProgramEnrollments', 'WriteCourseRunEnrollments'] as const

export type ReadKind = (typeof readKinds)[number]
export type WriteKind = (typeof writeKinds)[number]
export type JobKind = ReadKind | WriteKind

/** How long a job of a kind may take, in seconds. */
export type TimeLimits = (kind: JobKind) => number

/** States in which a job can still change. */
export const openStates = ['PENDING', 'IN_PROGRESS', 'RETRYING'] as const
/** States that a job never leaves. */
export const endStates = ['SUCCEEDED', 'FAILED', 'CANCELED'] as const

export type OpenState = (typeof openStates)[number]
export type EndState = (typeof endStates)[number]
export type JobState = OpenState | EndState

export type ResultFormat = 'json' | 'csv'

/** Whom a job belongs to and what it is about, as things were when it was accepted. */
export type NewJob = {
  id: string
  kind: JobKind
  ownerId: string
  username: string
  programId: string
  programKey: string
  organizationKey: string
  /** The course run as the caller named it; null for the kinds without one. */
  courseId: string | null
  /** Internal key of that run. */
  courseKey: string | null
  format: ResultFormat
  includeAccounts: boolean
  includeCourseStaff: boolean
  /** How many rows there are, where that is known beforehand. */
  rowsTotal: number | null
}

/** Why a job failed: for machines, and in a sentence that a partner can read. */
export type JobFailure = { reason: string; message: string }

export type Job = NewJob & {
  state: JobState
  /** Which attempt is running, from 1; 0 before the first. */
  attempt: number
  rowsDone: number
  /** What came of a grades or upload job. */
  outcome: string | null
  /** Its time is over: there is none to fetch any more. */
  isResultRemoved: boolean
  /** Why it failed; the last trouble while it is open. */
  failure: JobFailure | null
  /** The span in which it was asked for; null when that was not traced. */
  traceparent: string | null
  /** Microseconds since 1970, as are the others. */
  createdAt: bigint
  updatedAt: bigint
}

export function isReadKind(kind: JobKind): kind is ReadKind {
  return (readKinds as readonly string[]).includes(kind)
}

export function isOpen(job: Pick<Job, 'state'>): boolean {
  return (openStates as readonly string[]).includes(job.state)
}

/** Whether jobs of the kind are about one course run. */
export function isAboutOneCourse(kind: JobKind): boolean {
  return kind === 'ListCourseRunEnrollments' || kind === 'GetCourseRunGrades'
}

/** The name that the REST API shows. */
export function jobNameOf({ kind, programKey }: Pick<NewJob, 'kind' | 'programKey'>): string {
  switch (kind) {
    case 'ListProgramEnrollments':
      return `${programKey}:read:list_program_enrollments`
    case 'ListCourseRunEnrollments':
      return `${programKey}:read:list_course_run_enrollments`
    case 'ListAllCourseRunEnrollments':
      return `${programKey}:read:list_all_course_run_enrollments`
    case 'GetCourseRunGrades':
      return 'get_course_run_grades'
    case 'WriteProgramEnrollments':
      return `${programKey}:write:write_program_enrollments`
    case 'WriteCourseRunEnrollments':
      return `${programKey}:write:write_course_run_enrollments`
  }
}

const titles: Record<JobKind, string> = {
  ListProgramEnrollments: 'Program enrollments',
  ListCourseRunEnrollments: 'Course enrollments',
  ListAllCourseRunEnrollments: 'Enrollments in all course runs',
  GetCourseRunGrades: 'Grades',
  WriteProgramEnrollments: 'Upload of program enrollments',
  WriteCourseRunEnrollments: 'Upload of course enrollments',
}

/** One line about a job for operators, without anything personal. */
export function summaryOf(job: NewJob): string {
  const course = job.courseId === null ? '' : `, ${job.courseId}`
  return `${titles[job.kind]} of ${job.programKey}${course}, ${job.format.toUpperCase()}`
}

/** What operators see when they open a job, without anything personal. */
export function detailsOf(job: NewJob): string {
  return [
    `**${titles[job.kind]}**`,
    '',
    `- Program: \`${job.programKey}\` of \`${job.organizationKey}\``,
    ...(job.courseId === null ? [] : [`- Course run: \`${job.courseId}\` (\`${job.courseKey}\`)`]),
    `- Result: ${job.format.toUpperCase()}`,
    `- \`registrar jobs show ${job.id}\` tells who started it and where it stands`,
  ].join('\n')
}
