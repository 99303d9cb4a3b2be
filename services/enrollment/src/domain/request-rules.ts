import { DomainError, Reason } from '#kit/errors.ts'
import { isPercent } from './course-grade.ts'
import { isStorable } from './write-rules.ts'

/** Flags of a caller that open parts of requests. */
export const courseRoleFlag = 'enable_course_role_management'
export const accountsFlag = 'include_name_email_in_get_program_enrollment'

/** How many rows a page has: when the caller does not say, and at most. */
export const pageSizes = { default: 100, maximum: 1_000 }

export function invalidField(field: string, description: string): DomainError {
  return new DomainError(Reason.INVALID_ARGUMENT, `${field} ${description}`, {
    fields: [{ field, description }],
  })
}

/** INVALID_ARGUMENT for a negative limit. */
export function requireLimit(limit: number): number {
  if (limit < 0) throw invalidField('limit', 'must not be negative')
  return limit
}

/** COURSE_STAFF_DISABLED when an item says something of staff though the caller may not. */
export function requireNoCourseStaff(writes: readonly { courseStaff?: boolean }[]): void {
  if (writes.some(({ courseStaff }) => courseStaff !== undefined)) {
    throw new DomainError(
      Reason.COURSE_STAFF_DISABLED,
      '"course_staff" not accepted since role assignment is not enabled',
    )
  }
}

/** PERMISSION_DENIED for one who may not be told accounts. */
export function refuseAccounts(): never {
  throw new DomainError(Reason.PERMISSION_DENIED, 'You do not have permission to perform this action.', {
    metadata: { missing_flag: accountsFlag },
  })
}

/** INVALID_ARGUMENT for an account that cannot be kept. */
export function requireAccount(
  { username, email }: { username: string; email: string },
  field: string,
): void {
  if (username.length > 150 || !isStorable(username)) {
    throw invalidField(`${field}.username`, 'must have at most 150 characters and no NUL')
  }
  if (email.length > 254 || !isStorable(email)) {
    throw invalidField(`${field}.email`, 'must have at most 254 characters and no NUL')
  }
}

/** INVALID_ARGUMENT for a grade that breaks the rules of its fields. */
export function requireGrade(grade: { letterGrade?: string; percent: string }, field: string): void {
  if (!isPercent(grade.percent)) {
    throw invalidField(`${field}.percent`, 'must be from 0.000 to 9.999 with at most three decimals')
  }
  if (grade.letterGrade !== undefined) requireText(grade.letterGrade, `${field}.letter_grade`)
}

/** INVALID_ARGUMENT for a text that is empty or cannot be kept. */
export function requireText(text: string, field: string): void {
  if (text === '' || !isStorable(text)) throw invalidField(field, 'must not be empty or hold NUL')
}
