import { Gauge } from 'prom-client'
import type { Metrics } from '#kit/metrics.ts'
import { type JobKind, openStates, readKinds, writeKinds } from '../domain/job.ts'
import type { OpenJobs } from '../store/job-statistics.ts'

/** `registrar_jobs_open…`: the queue, as the table tells it. Every jobs service tells the same. */
export function exposeOpenJobs(metrics: Metrics, store: { countOpen(): Promise<OpenJobs[]> }): void {
  const about = { labelNames: ['kind', 'state'], registers: [metrics.registry] }
  const counts = new Gauge({
    name: 'registrar_jobs_open',
    help: 'Jobs that have not ended, by kind and state.',
    ...about,
  })
  const ages = new Gauge({
    name: 'registrar_jobs_open_oldest_seconds',
    help: 'Seconds since the oldest open job of a kind in a state was accepted; 0 when there is none.',
    ...about,
  })
  const setAll = (found: readonly OpenJobs[]) => {
    for (const kind of kinds) {
      for (const state of openStates) {
        const { count = 0, oldestSeconds = 0 } =
          found.find((each) => each.kind === kind && each.state === state) ?? {}
        const labels = { kind, state: state.toLowerCase() }
        counts.set(labels, count)
        ages.set(labels, oldestSeconds)
      }
    }
  }
  metrics.addSource('jobs', async () => {
    try {
      setAll(await store.countOpen())
    } catch (error) {
      // What was known is not what is.
      counts.reset()
      ages.reset()
      throw error
    }
    return undefined
  })
}

const kinds: readonly JobKind[] = [...readKinds, ...writeKinds]
