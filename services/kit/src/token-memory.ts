import { hash } from 'node:crypto'

/** What is known about tokens, each for a while. */
export type TokenMemory<T> = {
  /** Undefined when it is not known, or not well enough any more. */
  recall(token: string): T | undefined
  /** `until`: on the clock that the memory goes by, in milliseconds. */
  keep(token: string, value: T, until: number): void
}

const tokensRemembered = 2_000

/** Remembers by the hashes of tokens, of at most 2,000 of them: the oldest goes. */
export function rememberByToken<T>(now: () => number = Date.now): TokenMemory<T> {
  const known = new Map<string, { value: T; until: number }>()
  return {
    recall(token) {
      const key = keyOf(token)
      const found = known.get(key)
      if (found === undefined) return undefined
      if (now() < found.until) return found.value
      known.delete(key)
      return undefined
    },
    keep(token, value, until) {
      const key = keyOf(token)
      // A Map keeps the order of insertion.
      known.delete(key)
      if (known.size >= tokensRemembered) known.delete(known.keys().next().value as string)
      known.set(key, { value, until })
    },
  }
}

function keyOf(token: string): string {
  return hash('sha256', token, 'base64')
}
