import {
  type BulkheadPolicy,
  BulkheadRejectedError,
  bulkhead,
  type CircuitBreakerPolicy,
  ConsecutiveBreaker,
  circuitBreaker,
  handleWhen,
} from 'cockatiel'
import type { Logger } from './logger.ts'
import { type Fault, UpstreamFailure, type UpstreamName } from './upstream-failure.ts'

/** How long an upstream that failed too often is left alone, in seconds. */
export const restSeconds = 5

const failuresInARow = 10
const waitersPerKey = 1_000
const keptKeys = 1_000

// What tells of the upstream as a whole; the rest may be the trouble of one program.
const itsFaults: ReadonlySet<Fault> = new Set<Fault>(['unreachable', 'busy'])
const oneProgramsFaults: ReadonlySet<Fault> = new Set<Fault>(['slow', 'broken', 'nonsense', 'failed'])

type Lane = { breaker: CircuitBreakerPolicy; places: BulkheadPolicy }

export type UpstreamGuard = {
  /** Runs a try when there is a place for it. Throws what it throws, or a BrokenCircuitError of cockatiel without a try. */
  run<T>(key: string, attempt: () => Promise<T>, signal: AbortSignal): Promise<T>
}

/**
 * Keeps the trouble of one key (a program) from slowing others, and all of them from wearing down an upstream that is away.
 *
 * Of all places at an upstream a key has a quarter. Ten failures in a row make it left alone for some seconds, then one try goes
 * ahead: for everybody if nothing can be reached, for one key if it is slow, broken or failing.
 */
export function createUpstreamGuard(
  name: UpstreamName,
  concurrency: number,
  logger: Logger,
  leftAlone: (isLeftAlone: boolean) => void,
): UpstreamGuard {
  const whole: Lane = {
    breaker: createBreaker((failure) => itsFaults.has(failure.fault) && failure.status !== 429),
    places: bulkhead(concurrency, Number.POSITIVE_INFINITY),
  }
  whole.breaker.onBreak(() => {
    leftAlone(true)
    logger.warn({ upstream: name }, 'an upstream is left alone for a while')
  })
  whole.breaker.onReset(() => {
    leftAlone(false)
    logger.info({ upstream: name }, 'an upstream is back')
  })
  const lanes = new Map<string, Lane>()

  function laneOf(key: string): Lane {
    const lane = lanes.get(key) ?? {
      breaker: createBreaker((failure) => oneProgramsFaults.has(failure.fault)),
      places: bulkhead(Math.ceil(concurrency / 4), waitersPerKey),
    }
    // Last used, last forgotten.
    lanes.delete(key)
    lanes.set(key, lane)
    if (lanes.size > keptKeys) lanes.delete(lanes.keys().next().value as string)
    return lane
  }

  return {
    async run(key, attempt, signal) {
      const lane = laneOf(key)
      try {
        return await lane.breaker.execute(
          () => whole.breaker.execute(() => inPlace(lane, whole, attempt, signal), signal),
          signal,
        )
      } catch (error) {
        if (!(error instanceof BulkheadRejectedError)) throw error
        throw new UpstreamFailure('busy', 'too many calls wait for a place', { status: 429 })
      }
    },
  }
}

function inPlace<T>(lane: Lane, whole: Lane, attempt: () => Promise<T>, signal: AbortSignal): Promise<T> {
  return lane.places.execute(() => whole.places.execute(attempt, signal), signal)
}

function createBreaker(counts: (failure: UpstreamFailure) => boolean): CircuitBreakerPolicy {
  return circuitBreaker(
    handleWhen((error) => error instanceof UpstreamFailure && counts(error)),
    { halfOpenAfter: restSeconds * 1_000, breaker: new ConsecutiveBreaker(failuresInARow) },
  )
}
