import { hash, randomUUID } from 'node:crypto'
import { setTimeout as sleep } from 'node:timers/promises'
import {
  create,
  type DescMessage,
  fromBinary,
  type Message,
  type MessageInitShape,
  toBinary,
} from '@bufbuild/protobuf'
import type { HandlerContext } from '@connectrpc/connect'
import { principalOf } from './call-context.ts'
import { apartFromCall } from './call-signal.ts'
import { DomainError, Reason } from './errors.ts'
import type { Logger } from './logger.ts'

/** Metadata that a call may bring, and a request to the gateway as a header: names what is to be done once, however often it is sent. */
export const idempotencyKeyHeader = 'idempotency-key'
/** Metadata of an answer, `true` when the work was done for an earlier call. */
export const replayedHeader = 'idempotency-replayed'

/** How long a key means the same request, in seconds. */
export const keptSeconds = 86_400
/** A claim that was not renewed for so many seconds belongs to a process that is gone. */
export const abandonedAfterSeconds = 60

/** A request that is to be done once. The same key of another caller, or to another method, is another key. */
export type KeyedRequest = {
  readonly callerKind: 'user' | 'service'
  readonly caller: string
  readonly method: string
  readonly key: string
  /** SHA-256 of the method and the request: two requests are the same when this is. */
  readonly fingerprint: Buffer
}

/** Where answers are kept. A claim is the right to do the work, and a name for it that nobody else has. */
export type AnswerStore = {
  /** Takes the request unless it was answered, or a claim to it is alive; an abandoned claim passes to the same request only. */
  claim(request: KeyedRequest, claim: string): Promise<ClaimResult>
  /** Says that the work goes on. */
  renew(claim: string): Promise<void>
  /** Keeps the answer, unless the claim was lost. */
  keep(claim: string, answer: Uint8Array): Promise<void>
  /** Forgets the request, unless the claim was lost: it may be tried again. */
  release(claim: string): Promise<void>
}

export type ClaimResult =
  | { state: 'claimed' | 'in-use' | 'other-request' }
  | { state: 'answered'; answer: Uint8Array }

/** Whether a text can be a key. */
export function isIdempotencyKey(text: string): boolean {
  return /^[ -~]{1,255}$/.test(text)
}

export const idempotencyKeyText = 'expected Idempotency-Key to have 1 to 255 printable ASCII characters'

/** The request that a call makes, when it brings a key; INVALID_ARGUMENT when that can be none. */
export function keyedRequestOf(
  request: Message,
  context: Pick<HandlerContext, 'method' | 'requestHeader' | 'values'>,
): KeyedRequest | undefined {
  const key = context.requestHeader.get(idempotencyKeyHeader)
  if (key === null) return undefined
  if (!isIdempotencyKey(key)) throw new DomainError(Reason.INVALID_ARGUMENT, idempotencyKeyText)
  const principal = principalOf(context)
  const { input, name, parent } = context.method
  const method = `${parent.typeName}/${name}`
  const bytes = toBinary(input, inOneOrder(request) as Message)
  return {
    callerKind: principal.kind,
    caller: principal.kind === 'user' ? principal.username : principal.service,
    method,
    key,
    fingerprint: hash('sha256', Buffer.concat([Buffer.from(`${method}\n`), bytes]), 'buffer'),
  }
}

/** Maps have no order on the wire, and some clients shuffle them each time they send. */
function inOneOrder(value: unknown): unknown {
  if (typeof value !== 'object' || value === null || value instanceof Uint8Array) return value
  if (Array.isArray(value)) return value.map(inOneOrder)
  const entries = Object.entries(value).map(([name, inner]): [string, unknown] => [name, inOneOrder(inner)])
  return Object.fromEntries('$typeName' in value ? entries : entries.toSorted(([a], [b]) => (a < b ? -1 : 1)))
}

/** Says in an answer that the work was done for an earlier call. */
export function markReplayed(context: Pick<HandlerContext, 'responseHeader'>): void {
  context.responseHeader.set(replayedHeader, 'true')
}

export function keyReused(): DomainError {
  return new DomainError(
    Reason.IDEMPOTENCY_KEY_REUSED,
    'This Idempotency-Key was used before with another request.',
  )
}

function keyInUse(): DomainError {
  const text = 'A request with this Idempotency-Key is being worked on.'
  return new DomainError(Reason.IDEMPOTENCY_KEY_IN_USE, text, { retryAfterSeconds: 1 })
}

/**
 * How long a call waits for the answer of another one with its key, how often work that goes on says so, and how long after a failure
 * a claim is released once more, in milliseconds.
 */
export type RememberTimes = { waitMs: number; renewMs: number; releaseAgainMs: number }
const defaultTimes: RememberTimes = {
  waitMs: 5_000,
  renewMs: (abandonedAfterSeconds * 1_000) / 3,
  releaseAgainMs: 1_000,
}
const pausesMs = { first: 20, longest: 500 }

/**
 * For handlers that write: does `work` once for each key and answers the same to every call that brings it, for 24 hours. Without a
 * key it just does the work. Callers are authorised before, each time.
 *
 * IDEMPOTENCY_KEY_REUSED with another request; IDEMPOTENCY_KEY_IN_USE when the first call takes longer than a later one waits. Work
 * that fails or is cancelled is not remembered. Work whose process dies is not either: the same request may do it again a minute later.
 */
export function rememberAnswers<Answer extends DescMessage>(
  { store, schema, logger }: { store: AnswerStore; schema: Answer; logger: Logger },
  times: RememberTimes = defaultTimes,
) {
  type Init = MessageInitShape<Answer>
  const warn = (text: string) => (error: unknown) => logger.warn({ err: error }, text)

  async function claimOnce(keyed: KeyedRequest, claim: string): Promise<ClaimResult> {
    try {
      return await store.claim(keyed, claim)
    } catch (error) {
      // The claim may be there although its answer was lost.
      void release(claim)
      throw error
    }
  }

  /** The caller may be gone, and the database away: the key is not to be in use for a minute because of that. */
  async function release(claim: string): Promise<void> {
    const releaseOnce = () => apartFromCall(() => store.release(claim))
    try {
      await releaseOnce()
    } catch (error) {
      warn('a claim could not be released yet')(error)
      void releaseLater(releaseOnce)
    }
  }

  async function releaseLater(releaseOnce: () => Promise<void>): Promise<void> {
    const giveUpAt = performance.now() + abandonedAfterSeconds * 1_000
    let isReleased = false
    while (!isReleased && performance.now() < giveUpAt) {
      await sleep(times.releaseAgainMs, undefined, { ref: false })
      isReleased = await releaseOnce().then(
        () => true,
        () => false,
      )
    }
  }

  async function workAndKeep(claim: string, work: () => Promise<Init>): Promise<Init> {
    const renewing = setInterval(() => {
      apartFromCall(() => store.renew(claim)).catch(warn('a claim could not be renewed'))
    }, times.renewMs)
    try {
      const answer = create(schema, await work())
      // It is done: a caller who is told so asks no second time.
      await apartFromCall(() => store.keep(claim, toBinary(schema, answer))).catch(
        warn('an answer could not be kept'),
      )
      return answer as Init
    } catch (error) {
      await release(claim)
      throw error
    } finally {
      clearInterval(renewing)
    }
  }

  return async (request: Message, context: HandlerContext, work: () => Promise<Init>): Promise<Init> => {
    const keyed = keyedRequestOf(request, context)
    if (keyed === undefined) return work()
    const claim = randomUUID()
    const giveUpAt = performance.now() + times.waitMs
    for (let pauseMs = pausesMs.first; ; pauseMs = Math.min(2 * pauseMs, pausesMs.longest)) {
      const result = await claimOnce(keyed, claim)
      if (result.state === 'claimed') return workAndKeep(claim, work)
      if (result.state === 'other-request') throw keyReused()
      if (result.state === 'answered') {
        markReplayed(context)
        return fromBinary(schema, result.answer) as Init
      }
      if (performance.now() + pauseMs > giveUpAt) throw keyInUse()
      await sleep(pauseMs, undefined, { signal: context.signal })
    }
  }
}
