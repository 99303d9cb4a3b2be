import { hash } from 'node:crypto'
import type { Grants } from '../domain/permission.ts'

/** What tokens' users were given, as it was a short while ago. */
export type RememberedGrants = {
  /** Undefined when it is not known, or not well enough any more. */
  recall(token: string): Grants | undefined
  keep(token: string, grants: Grants): void
}

const tokensRemembered = 2_000

/** Remembers for so many milliseconds; 0 remembers nothing. */
export function rememberGrants(forMs: number, now: () => number = Date.now): RememberedGrants {
  const known = new Map<string, { grants: Grants; until: number }>()
  return {
    recall(token) {
      if (forMs === 0) return undefined
      const found = known.get(keyOf(token))
      return found !== undefined && now() < found.until ? found.grants : undefined
    },
    keep(token, grants) {
      if (forMs === 0) return
      const key = keyOf(token)
      // A Map keeps the order of insertion: the oldest goes.
      known.delete(key)
      if (known.size >= tokensRemembered) known.delete(known.keys().next().value as string)
      known.set(key, { grants, until: now() + forMs })
    },
  }
}

function keyOf(token: string): string {
  return hash('sha256', token, 'base64')
}
