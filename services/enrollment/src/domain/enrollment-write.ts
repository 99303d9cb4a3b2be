import { sortByCodePoint } from './code-point-order.ts'

/** What a write may do to learners that are there, or are not. */
export type WriteMode = 'create' | 'update' | 'create-or-update'

/** One learner's enrollment to write. */
export type EnrollmentWrite = {
  readonly studentKey: string
  readonly status: string
  /** Untouched when absent. */
  readonly courseStaff?: boolean
  /** Further fields of the caller's item, for a backend that passes items on. */
  readonly additionalFields?: Readonly<Record<string, unknown>>
}

/** Why a status was not set. */
export type Refusal =
  | 'duplicated'
  | 'invalid-status'
  | 'conflict'
  | 'illegal-operation'
  | 'not-in-program'
  | 'not-found'
  | 'internal-error'

/** What came of one learner's write. */
export type WriteOutcome = {
  readonly studentKey: string
  /** The new status, or why it was not set: a `Refusal`, or what else a backend says. */
  readonly status: string
  /** Whether the new status was set. */
  readonly accepted: boolean
}

export function accept({ studentKey, status }: EnrollmentWrite): WriteOutcome {
  return { studentKey, status, accepted: true }
}

export function refuse({ studentKey }: Pick<EnrollmentWrite, 'studentKey'>, status: Refusal): WriteOutcome {
  return { studentKey, status, accepted: false }
}

/**
 * The writes of learners who are named once, ascending by code point, and the learners who are named more often: none of their
 * writes is to be done.
 */
export function withholdDuplicates(writes: readonly EnrollmentWrite[]): {
  unique: EnrollmentWrite[]
  duplicated: string[]
} {
  const byStudent = new Map<string, EnrollmentWrite>()
  const duplicated = new Set<string>()
  for (const write of writes) {
    if (byStudent.has(write.studentKey)) duplicated.add(write.studentKey)
    else byStudent.set(write.studentKey, write)
  }
  for (const studentKey of duplicated) byStudent.delete(studentKey)
  const unique = sortByCodePoint([...byStudent.keys()]).flatMap(
    (studentKey) => byStudent.get(studentKey) ?? [],
  )
  return { unique, duplicated: [...duplicated] }
}

/**
 * The answer to a request: one outcome for each learner asked about, ascending by code point, then those of learners whom nobody
 * asked about, as they came. A learner of whom nothing came is an `internal-error`.
 */
export function collectOutcomes(
  asked: { unique: readonly EnrollmentWrite[]; duplicated: readonly string[] },
  outcomes: readonly WriteOutcome[],
): WriteOutcome[] {
  const byStudent = new Map<string, WriteOutcome>()
  for (const write of asked.unique) byStudent.set(write.studentKey, refuse(write, 'internal-error'))
  const unasked: WriteOutcome[] = []
  for (const outcome of outcomes) {
    if (byStudent.has(outcome.studentKey)) byStudent.set(outcome.studentKey, outcome)
    else unasked.push(outcome)
  }
  for (const studentKey of asked.duplicated) byStudent.set(studentKey, refuse({ studentKey }, 'duplicated'))
  const ordered = sortByCodePoint([...byStudent.keys()]).flatMap(
    (studentKey) => byStudent.get(studentKey) ?? [],
  )
  return [...ordered, ...unasked.filter(({ studentKey }) => !byStudent.has(studentKey))]
}
