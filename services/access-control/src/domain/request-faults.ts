import { DomainError, Reason } from '#kit/errors.ts'

/** How many characters (code points) a text may have. */
export type TextLimits = { min: number; max: number }

export const limits = {
  username: { min: 1, max: 150 },
  groupName: { min: 1, max: 150 },
  /** Of a user; may be empty. */
  email: { min: 0, max: 254 },
  /** Of somebody who is invited. */
  invitedEmail: { min: 3, max: 254 },
} as const satisfies Record<string, TextLimits>

/** Collects what is wrong with a request, so that one answer tells all of it. */
export type RequestFaults = {
  add(field: string, description: string): void
  /** Adds a fault unless the text has an allowed length and can be stored. */
  checkText(field: string, value: string, allowed: TextLimits): void
  /** INVALID_ARGUMENT with all faults, if there are any. */
  refuse(): void
}

export function collectFaults(): RequestFaults {
  const fields: { field: string; description: string }[] = []
  return {
    add(field, description) {
      fields.push({ field, description })
    },
    checkText(field, value, allowed) {
      if (!isStorable(value, allowed)) {
        fields.push({ field, description: `must have ${allowed.min} to ${allowed.max} characters` })
      }
    },
    refuse() {
      if (fields.length === 0) return
      const message = fields.map(({ field, description }) => `${field} ${description}`).join('; ')
      throw new DomainError(Reason.INVALID_ARGUMENT, message, { fields })
    },
  }
}

/** Whether a text has an allowed length, and neither control characters nor half surrogate pairs: tokens with such are refused. */
export function isStorable(value: string, { min, max }: TextLimits): boolean {
  // Two units at most make a code point; the characters of a megabyte are never counted.
  if (value.length > 2 * max || !value.isWellFormed() || /\p{Cc}/u.test(value)) return false
  const length = [...value].length
  return length >= min && length <= max
}

/** A uuid in lower case, as it is compared here; undefined when the text is none. */
export function parseUuid(text: string): string | undefined {
  return /^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i.test(text) ? text.toLowerCase() : undefined
}
