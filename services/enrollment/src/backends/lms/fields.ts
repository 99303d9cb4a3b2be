// Values as the LMS may write them. Each reader returns undefined for what is not usable.

/** Text, or a number as text; white space around it goes, and blank is nothing. */
export function readText(value: unknown): string | undefined {
  // A larger number has lost its last digits.
  const isNumber = typeof value === 'number' && (!Number.isInteger(value) || Number.isSafeInteger(value))
  if (typeof value !== 'string' && !isNumber) return undefined
  const text = String(value).trim()
  return text === '' ? undefined : text
}

const yes = new Set(['t', 'y', 'yes', 'true', 'on', '1'])
const no = new Set(['f', 'n', 'no', 'false', 'off', '0'])

/** A boolean, or one of the words and numbers for it. */
export function readBoolean(value: unknown): boolean | undefined {
  if (typeof value === 'boolean') return value
  if (typeof value !== 'string' && typeof value !== 'number') return undefined
  const word = String(value).trim().toLowerCase()
  if (yes.has(word)) return true
  return no.has(word) ? false : undefined
}

/** An object that is no list. */
export function readObject(value: unknown): Readonly<Record<string, unknown>> | undefined {
  const isObject = typeof value === 'object' && value !== null && !Array.isArray(value)
  return isObject ? (value as Record<string, unknown>) : undefined
}
