import { DomainError, Reason } from './errors.ts'

/** The systems of others that we call. */
export type UpstreamName = 'LMS' | 'Discovery'

/** What went wrong with one try at a call. */
export type Fault =
  /** No connection: nothing was sent. */
  | 'unreachable'
  /** It says that it will not do it now (429, 503). */
  | 'busy'
  /** No whole answer in time. */
  | 'slow'
  /** The connection ended before the answer did. */
  | 'broken'
  /** The answer is not JSON. */
  | 'nonsense'
  /** It says that it failed (other 5xx). */
  | 'failed'
  /** It does not take our credentials. */
  | 'unauthorized'
  /** It says that the call is wrong (other 3xx and 4xx). */
  | 'refused'
  /** It leads to another origin, or in circles. */
  | 'astray'
  /** Its answer is larger than we take. */
  | 'oversized'

const undoneFaults: ReadonlySet<Fault> = new Set<Fault>(['unreachable', 'busy', 'unauthorized'])
const fleetingFaults: ReadonlySet<Fault> = new Set<Fault>([
  'unreachable',
  'busy',
  'slow',
  'broken',
  'nonsense',
  'failed',
])

/** One try that failed. The message is for the log. */
export class UpstreamFailure extends Error {
  readonly fault: Fault
  readonly status: number | undefined
  /** When the upstream asks to come back, in seconds. */
  readonly retryAfterSeconds: number | undefined
  /** Whether it is certain that the call has had no effect. */
  readonly isUndone: boolean

  constructor(
    fault: Fault,
    message: string,
    options: { status?: number; retryAfterSeconds?: number; isUndone?: boolean; cause?: unknown } = {},
  ) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause })
    this.name = 'UpstreamFailure'
    this.fault = fault
    this.status = options.status
    this.retryAfterSeconds = options.retryAfterSeconds
    this.isUndone = options.isUndone ?? undoneFaults.has(fault)
  }

  /** Whether another try may go better. */
  get isFleeting(): boolean {
    return fleetingFaults.has(this.fault)
  }
}

const comeBackSeconds = 5

/**
 * What a caller is told when a call has failed for good. `metadata` has the upstream, the `fault` and, if there was an answer, its
 * `status`.
 */
export function toUpstreamError(upstream: UpstreamName, failure: UpstreamFailure): DomainError {
  const { fault, status } = failure
  const reason = reasonOf(failure)
  return new DomainError(reason, sentenceOf(upstream, failure), {
    metadata: { upstream, fault, ...(status !== undefined && { status: String(status) }) },
    ...(reason !== Reason.UPSTREAM_FAILED && {
      retryAfterSeconds: failure.retryAfterSeconds ?? comeBackSeconds,
    }),
    cause: failure,
  })
}

/** What a caller is told while an upstream that failed too often is given time. */
export function leftAlone(upstream: UpstreamName, forSeconds: number, cause: unknown): DomainError {
  const sentence = `The ${upstream} has failed repeatedly and is left alone for some seconds.`
  return new DomainError(Reason.UPSTREAM_UNAVAILABLE, sentence, {
    metadata: { upstream, fault: 'left-alone' },
    retryAfterSeconds: forSeconds,
    cause,
  })
}

function reasonOf({ fault, status }: UpstreamFailure): Reason {
  if (fault === 'slow' || status === 504) return Reason.UPSTREAM_TIMEOUT
  // 502 is what a proxy says whose upstream is away.
  if (fault === 'unreachable' || fault === 'busy' || status === 502) return Reason.UPSTREAM_UNAVAILABLE
  return Reason.UPSTREAM_FAILED
}

function sentenceOf(upstream: UpstreamName, { fault, status }: UpstreamFailure): string {
  switch (fault) {
    case 'unreachable':
      return `The ${upstream} cannot be reached.`
    case 'slow':
      return `The ${upstream} did not answer in time.`
    case 'broken':
      return `The ${upstream} broke off its answer.`
    case 'nonsense':
      return `The ${upstream} gave an answer that is not JSON.`
    case 'unauthorized':
      return `The ${upstream} does not take the credentials of this system.`
    case 'astray':
      return `The ${upstream} led elsewhere, which was not followed.`
    case 'oversized':
      return `The ${upstream} gave an answer that is too large.`
    default:
      return `The ${upstream} answered with HTTP status ${status}.`
  }
}
