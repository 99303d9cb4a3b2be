import type { Reason } from '#kit/errors.ts'

/** Ends the command with exit code 1; the message is the one sentence that the operator reads. */
export class Refusal extends Error {
  override readonly name = 'Refusal'
  /** Why a service refused; undefined when it was not a service, or could not say. */
  readonly reason: Reason | undefined

  constructor(message: string, options: { reason?: Reason; cause?: unknown } = {}) {
    super(message, { cause: options.cause })
    this.reason = options.reason
  }
}

/** Ends the command with exit code 2: what was typed cannot be meant. */
export class UsageError extends Error {
  override readonly name = 'UsageError'
}

/** What `work` comes to; a refusal with one of the reasons is told in other words. */
export async function inOtherWords<T>(work: Promise<T>, words: Partial<Record<Reason, string>>): Promise<T> {
  try {
    return await work
  } catch (error) {
    if (!(error instanceof Refusal) || error.reason === undefined) throw error
    const message = words[error.reason]
    throw message === undefined ? error : new Refusal(message, { reason: error.reason, cause: error })
  }
}
