import { rememberByToken } from '#kit/token-memory.ts'
import type { Grants } from '../domain/permission.ts'

/** What tokens' users were given, as it was a short while ago. */
export type RememberedGrants = {
  /** Undefined when it is not known, or not well enough any more. */
  recall(token: string): Grants | undefined
  keep(token: string, grants: Grants): void
}

/** Remembers for so many milliseconds; 0 remembers nothing. */
export function rememberGrants(forMs: number, now: () => number = Date.now): RememberedGrants {
  if (forMs === 0) return { recall: () => undefined, keep() {} }
  const memory = rememberByToken<Grants>(now)
  return {
    recall: (token) => memory.recall(token),
    keep: (token, grants) => memory.keep(token, grants, now() + forMs),
  }
}
