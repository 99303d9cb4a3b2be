import { Counter, Gauge, Histogram } from 'prom-client'
import type { Metrics } from './metrics.ts'
import { UpstreamFailure, type UpstreamName } from './upstream-failure.ts'

/** Measures what is asked of an LMS or a Discovery. */
export type UpstreamMeter = {
  /** Times one try. */
  time<T>(operation: string, attempt: () => Promise<T>): Promise<T>
  triedAgain(): void
  /** The upstream is left alone for a while, or not any more. */
  leftAlone(isLeftAlone: boolean): void
  /** A call was refused because the upstream is left alone. */
  refused(): void
}

/** For an upstream that nobody measures. */
export const noUpstreamMeter: UpstreamMeter = {
  time: (_, attempt) => attempt(),
  triedAgain() {},
  leftAlone() {},
  refused() {},
}

const buckets = [0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 20]

/** `upstream_…`. The outcome of a try is `ok`, its fault, or `given_up` when the caller went away. */
export function createUpstreamMeter({ registry }: Metrics, upstream: UpstreamName): UpstreamMeter {
  const registers = [registry]
  const durations = new Histogram({
    name: 'upstream_request_duration_seconds',
    help: 'How long requests to Open edX took, each try by itself.',
    labelNames: ['upstream', 'operation', 'outcome'],
    ...{ buckets, registers },
  })
  const retries = new Counter({
    name: 'upstream_retries_total',
    help: 'Tries after the first.',
    labelNames: ['upstream'],
    registers,
  })
  const open = new Gauge({
    name: 'upstream_left_alone',
    help: '1 while an upstream that failed too often in a row is left alone.',
    labelNames: ['upstream'],
    registers,
  })
  const refusals = new Counter({
    name: 'upstream_calls_refused_total',
    help: 'Calls that were not made, because the upstream is left alone.',
    labelNames: ['upstream'],
    registers,
  })
  open.set({ upstream }, 0)
  retries.inc({ upstream }, 0)
  refusals.inc({ upstream }, 0)
  return {
    async time(operation, attempt) {
      const startedAt = performance.now()
      let outcome = 'ok'
      try {
        return await attempt()
      } catch (error) {
        outcome = error instanceof UpstreamFailure ? error.fault : 'given_up'
        throw error
      } finally {
        durations.observe({ upstream, operation, outcome }, (performance.now() - startedAt) / 1_000)
      }
    },
    triedAgain: () => retries.inc({ upstream }),
    leftAlone: (isLeftAlone) => open.set({ upstream }, isLeftAlone ? 1 : 0),
    refused: () => refusals.inc({ upstream }),
  }
}
