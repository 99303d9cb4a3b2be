import type { EnrollmentWrite, Refusal, WriteMode } from './enrollment-write.ts'

/**
 * The rules by which enrollments are written, as the LMS has them. They apply in the order in which they stand here, after
 * `duplicated`, which is about the request alone.
 */

export const programStatuses: readonly string[] = ['enrolled', 'pending', 'suspended', 'canceled', 'ended']
export const courseStatuses: readonly string[] = ['active', 'inactive']

const longestKey = 255

/** Whether a text can be kept: PostgreSQL has no place for NUL, UTF-8 none for half a surrogate pair. */
export function isStorable(text: string): boolean {
  return !text.includes('\0') && text.isWellFormed()
}

/** What is kept of a text that somebody sent, whatever it holds. */
export function toStorable(text: string): string {
  return text.slice(0, longestKey).toWellFormed().replaceAll('\0', '\uFFFD')
}

/** Whether the text can be a learner's key: not blank, at most 255 characters. */
export function isStudentKey(text: string): boolean {
  if (text.trim() === '' || !isStorable(text)) return false
  return text.length <= longestKey || (text.length <= 2 * longestKey && [...text].length <= longestKey)
}

/** What a write is refused for, whatever is stored: it cannot be an enrollment at all, or its status is none of those. */
export function refusalOfWrite(
  { studentKey, status }: EnrollmentWrite,
  statuses: readonly string[],
): Refusal | undefined {
  if (!isStudentKey(studentKey) || status.trim() === '') return 'internal-error'
  return statuses.includes(status) ? undefined : 'invalid-status'
}

/** Why a program write of this mode was not done, when it was not. */
export function refusalInProgram(mode: WriteMode): Refusal {
  return mode === 'create' ? 'conflict' : 'not-in-program'
}

/** Why a course write of this mode was not done, when it was not. */
export function refusalInCourse(
  learner: { activeByAnotherProgram: boolean; inProgram: boolean },
  mode: WriteMode,
): Refusal {
  // `activeByAnotherProgram` is only asked of writes that want `active`, so an unknown status cannot have come first.
  if (learner.activeByAnotherProgram) return 'conflict'
  if (!learner.inProgram) return 'not-in-program'
  return mode === 'create' ? 'conflict' : 'not-found'
}
