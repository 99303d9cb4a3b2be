import { Reason } from '#proto/registrar/errors/v1/reason_pb.ts'

export { Reason }

/** The reasons that this version of the proto names. */
export type KnownReason = (typeof Reason)[keyof typeof Reason]

/** What a `DomainError` may carry beside its reason and text. */
export type DomainErrorOptions = {
  /** The fields of the request that are wrong, by their path in the request (`students[3].status`). */
  fields?: { field: string; description: string }[]
  /** More for machines to read; never anything personal. */
  metadata?: Record<string, string>
  /** When it makes sense to come back, in seconds. */
  retryAfterSeconds?: number
  /** For the log only; never sent to a caller. */
  cause?: unknown
}

/**
 * A refusal that the caller is meant to see: the reason for machines, the message for people.
 *
 * The message is sent to the caller as it is, so it holds nothing personal and nothing about our insides.
 */
export class DomainError extends Error {
  readonly reason: Reason
  readonly fields: { field: string; description: string }[]
  readonly metadata: Record<string, string>
  readonly retryAfterSeconds: number | undefined

  constructor(reason: Reason, message: string, options: DomainErrorOptions = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause })
    this.name = 'DomainError'
    this.reason = reason
    this.fields = options.fields ?? []
    this.metadata = options.metadata ?? {}
    this.retryAfterSeconds = options.retryAfterSeconds
  }
}
