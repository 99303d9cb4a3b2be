import { DomainError, Reason } from '#kit/errors.ts'

/** A program as far as enrollments need to know it. */
export type EnrollmentProgram = {
  /** Its id in the LMS and in the tables here. */
  readonly uuid: string
  /** The organization that manages it: within it a student key is one person. */
  readonly organizationId: string
  /** What the audit trail calls it, and nothing else may: keys change. */
  readonly called: { readonly id: string; readonly key: string; readonly organizationKey: string }
  /** Absent when there is none: then nobody can be enrolled. */
  readonly activeCurriculumUuid?: string
}

/** A course run of a program's active curriculum. */
export type EnrollmentCourseRun = {
  /** Internal key. */
  readonly key: string
  /** The key that partners are told: the external one if it has one, else the internal one. */
  readonly publicKey: string
}

/** The curriculum that learners are enrolled in. NO_ACTIVE_CURRICULUM. */
export function requireActiveCurriculum({ activeCurriculumUuid }: EnrollmentProgram): string {
  if (activeCurriculumUuid !== undefined) return activeCurriculumUuid
  throw new DomainError(
    Reason.NO_ACTIVE_CURRICULUM,
    'The program has no active curriculum, so nobody can be enrolled in it.',
  )
}
