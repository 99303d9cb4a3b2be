import type { Subject } from './grant.ts'

/** The feature flags that there are. */
export const flags = [
  'enable_course_role_management',
  'include_name_email_in_get_program_enrollment',
] as const

export type Flag = (typeof flags)[number]

/** To whom a flag may be given. */
export type FlagSubject = Subject | { kind: 'everyone' }

/** A flag that is on or off for somebody. */
export type FlagSetting = { flag: Flag; subject: FlagSubject; enabled: boolean }

export function isFlag(text: string): text is Flag {
  return flags.some((flag) => flag === text)
}
