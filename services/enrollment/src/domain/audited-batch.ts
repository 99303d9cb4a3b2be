import type { Author } from '#kit/author.ts'
import type { EnrollmentWrite, Refusal, WriteMode } from './enrollment-write.ts'
import type { EnrollmentProgram } from './program.ts'

/** What a batch did, thing and verb. Readers filter by these words: they stay what they are. */
export const batchActions = [
  'program_enrollments.written',
  'course_enrollments.written',
  'accounts.linked',
  'grades.recorded',
  'audit.purged',
] as const

export type BatchAction = (typeof batchActions)[number]

/** What is written at once, as the audit trail tells it. */
export type AuditedBatch = {
  readonly action: BatchAction
  readonly program: EnrollmentProgram
  /** Internal key. */
  readonly courseKey?: string
  readonly mode?: WriteMode
  readonly author: Author
}

/** A write that is refused whatever is stored. */
export type RefusedWrite = { readonly write: EnrollmentWrite; readonly refusal: Refusal }
