import { Histogram } from 'prom-client'
import { apartFromCall } from '#kit/call-signal.ts'
import type { Metrics } from '#kit/metrics.ts'
import { type EndState, endStates, readKinds, writeKinds } from '../domain/job.ts'
import type { JobStore } from '../store/job-store.ts'

// A small job takes some tenths of a second, a large one may take its whole hour.
const buckets = [0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120, 300, 600, 1_800, 3_600, 7_200]

/** The same store; jobs that this process ends are counted, with the time since they were accepted. */
export function countEndings({ registry }: Metrics, store: JobStore): JobStore {
  const durations = new Histogram({
    name: 'registrar_job_duration_seconds',
    help: 'How long jobs took that this process ended, from being accepted to their end, waiting included.',
    labelNames: ['kind', 'outcome'],
    ...{ buckets, registers: [registry] },
  })
  for (const kind of [...readKinds, ...writeKinds]) {
    for (const state of endStates) durations.zero({ kind, outcome: state.toLowerCase() })
  }

  async function measure(id: string, state: EndState): Promise<void> {
    const job = await store.find(id)
    if (job === undefined) return
    const seconds = Number(job.updatedAt - job.createdAt) / 1_000_000
    durations.observe({ kind: job.kind, outcome: state.toLowerCase() }, seconds)
  }

  /** Nobody waits for it, and a job has ended also when that cannot be counted. */
  function note(isEnded: boolean, id: string, state: EndState): boolean {
    if (isEnded) apartFromCall(() => measure(id, state)).catch(() => {})
    return isEnded
  }

  return {
    ...store,
    end: async (id, ending, runId) => note(await store.end(id, ending, runId), id, ending.state),
    endAnew: async (id, ending, runId) => note(await store.endAnew(id, ending, runId), id, ending.state),
    endUnchanged: async (job, ending, runId) =>
      note(await store.endUnchanged(job, ending, runId), job.id, ending.state),
    endAfter: async (id, outcome, work) => note(await store.endAfter(id, outcome, work), id, 'SUCCEEDED'),
    cancelPending: async (id) => note(await store.cancelPending(id), id, 'CANCELED'),
  }
}
