/** Whether a text can be the key of a program, or of an organization that is made here. */
export function isKey(text: string): boolean {
  return /^[A-Za-z0-9_-]{1,255}$/.test(text)
}

/** Whether a text can be the key of an organization: Discovery's may have dots. */
export function isOrganizationKey(text: string): boolean {
  return /^[A-Za-z0-9._-]{1,255}$/.test(text)
}

/** Whether a text can be the internal key of a course run: three parts separated by `+` or `/`. */
export function isCourseKey(text: string): boolean {
  return text.length <= 255 && /^[^/+\p{Cc}]+[/+][^/+\p{Cc}]+[/+][^/?\p{Cc}]+$/u.test(text)
}

/** Whether a text can be a school's own key for a course run. */
export function isExternalKey(text: string): boolean {
  return /^[A-Za-z0-9_:-]{1,255}$/.test(text)
}

/** Whether a text is a UUID with dashes. */
export function isUuid(text: string): boolean {
  return /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i.test(text)
}

/** Whether a text can be stored and compared at all: PostgreSQL knows no NUL character. */
export function isStorable(text: string): boolean {
  return !text.includes('\0')
}
