import { apartFromCall } from './call-signal.ts'

/** Asks at most once in so many milliseconds, however many ask; the others get the same answer, or the same error. */
export function rememberFor<T>(forMs: number, ask: () => Promise<T>): () => Promise<T> {
  let known: { answer: Promise<T>; until: number } | undefined
  return () => {
    if (known === undefined || Date.now() >= known.until) {
      known = { answer: apartFromCall(ask), until: Date.now() + forMs }
    }
    return known.answer
  }
}
