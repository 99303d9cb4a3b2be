import { ApplicationFailure } from '@temporalio/activity'
import { type KnownReason, Reason } from '#kit/errors.ts'
import { metadataOf, reasonOf, retryAfterOf, toConnectError } from '#kit/rpc-errors.ts'
import { ReasonSchema } from '#proto/registrar/errors/v1/reason_pb.ts'

/**
 * How often a part of a job is tried when it fails for a reason: the one table at the edge from RPC to workflow. Once, when the reason
 * is not here: it would fail again.
 */
const attempts: Partial<Record<KnownReason, number>> = {
  // Somebody is away and will be back: until the job's time limit.
  [Reason.UNAVAILABLE]: Number.POSITIVE_INFINITY,
  [Reason.UPSTREAM_UNAVAILABLE]: Number.POSITIVE_INFINITY,
  [Reason.UPSTREAM_TIMEOUT]: Number.POSITIVE_INFINITY,
  [Reason.DEADLINE_EXCEEDED]: Number.POSITIVE_INFINITY,
  [Reason.RATE_LIMITED]: Number.POSITIVE_INFINITY,
  // May have been bad luck.
  [Reason.UPSTREAM_FAILED]: 5,
  [Reason.INTERNAL]: 5,
  // A clock that is off, or keys that are being changed.
  [Reason.TOKEN_INVALID]: 5,
  // Keys or rights that are being changed.
  [Reason.STORAGE_REFUSED]: 5,
}

// What an upstream answered that it would answer again: no, or something that makes no sense.
const lastingFaults = new Set(['refused', 'data', 'astray', 'oversized'])

/** Why a part failed, and whether and when to try it again. The message is for partners and for Temporal's history: nothing personal. */
export type PartFailure = {
  reason: string
  message: string
  isFinal: boolean
  /** How long to wait before the next attempt. */
  retryAfterSeconds: number
}

export function partFailureOf(error: unknown, attempt: number): PartFailure {
  const told = toConnectError(error)
  const reason = reasonOf(told) ?? Reason.INTERNAL
  return {
    reason: ReasonSchema.value[reason]?.localName ?? 'INTERNAL',
    message: sentenceOf(told.rawMessage),
    isFinal:
      attempt >= (attempts[reason as KnownReason] ?? 1) || lastingFaults.has(metadataOf(told).fault ?? ''),
    retryAfterSeconds: Math.max(retryAfterOf(told) ?? 0, backoffSecondsOf(attempt)),
  }
}

function sentenceOf(text: string): string {
  return `${text.charAt(0).toUpperCase()}${text.slice(1)}${/[.!?]$/.test(text) ? '' : '.'}`
}

// Longer each time, also for those who say only when they may be back at the earliest.
function backoffSecondsOf(attempt: number): number {
  return Math.min(30, 2 ** (attempt - 1))
}

/** The failure as Temporal takes it: its type is the reason. What caused it stays in the log. */
export function toApplicationFailure({ reason, message, isFinal, retryAfterSeconds }: PartFailure) {
  const failure = ApplicationFailure.create({
    type: reason,
    message,
    nonRetryable: isFinal,
    nextRetryDelay: retryAfterSeconds * 1_000,
  })
  // Where in our code is in the log.
  failure.stack = ''
  return failure
}
