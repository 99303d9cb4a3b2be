import { apartFromCall } from '#kit/call-signal.ts'
import type { Logger } from '#kit/logger.ts'
import type { Job } from './domain/job.ts'
import type { JobStore } from './store/job-store.ts'
import type { JobWorkflows } from './temporal/job-workflows.ts'

/** Starts the workflows of jobs that were just accepted. */
export type JobStarter = {
  /** Has a workflow started, without waiting for that; waits only while very many are being started. Never fails. */
  startSoon(job: Job): Promise<void>
  /** Resolves when nothing is being started any more. */
  close(): Promise<void>
}

const atOnce = 100

/** A workflow that cannot be started, Temporal being away, is left to the reconciler's next sweep. */
export function createJobStarter(
  store: Pick<JobStore, 'askForCheck'>,
  workflows: Pick<JobWorkflows, 'start'>,
  logger: Logger,
): JobStarter {
  const underway = new Set<Promise<void>>()

  async function start(job: Job): Promise<void> {
    try {
      await workflows.start(job)
    } catch (error) {
      logger.warn({ jobId: job.id, err: error }, 'a job waits for Temporal')
      // Without it the reconciler comes a little later.
      await store.askForCheck(job.id).catch(() => {})
    }
  }

  return {
    async startSoon(job) {
      const starting = apartFromCall(() => start(job))
      underway.add(starting)
      starting.finally(() => underway.delete(starting))
      if (underway.size >= atOnce) await Promise.race(underway)
    },
    async close() {
      await Promise.all(underway)
    },
  }
}
