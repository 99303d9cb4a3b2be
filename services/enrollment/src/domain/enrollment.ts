/** A learner's place in a program. */
export type ProgramEnrollment = {
  readonly studentKey: string
  readonly status: string
  readonly accountExists: boolean
  /** Empty without an account, and unless accounts were asked for. */
  readonly username: string
  readonly email: string
}

/** A learner's place in a course run, by way of a program. */
export type CourseEnrollment = {
  readonly studentKey: string
  readonly status: string
  readonly accountExists: boolean
  readonly courseStaff: boolean
}

/** A learner's account on the platform. */
export type LearnerAccount = {
  readonly studentKey: string
  /** Empty for none. */
  readonly username: string
  readonly email: string
}
