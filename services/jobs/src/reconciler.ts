import type { Logger } from '#kit/logger.ts'
import { internalFailure, timeLimitFailure } from './domain/ending.ts'
import type { Job } from './domain/job.ts'
import type { JobStore } from './store/job-store.ts'
import type { JobWorkflows, WorkflowStatus } from './temporal/job-workflows.ts'

/** Keeps jobs and their workflows in agreement, whatever happened to either. */
export type Reconciler = {
  /** Compares one open job with its workflow: starts what is missing, ends what was ended elsewhere. */
  reconcile(job: Pick<Job, 'id'> & Job): Promise<void>
  /** Does so for some jobs that nobody has looked at for a while; how many. Processes that do so at once take different ones. */
  sweep(): Promise<number>
  /** Sweeps again and again until closed. */
  run(): { close(): Promise<void> }
}

const checkEverySeconds = 3
const jobsAtOnce = 100
const callsAtOnce = 10
const pauseMs = 1_000

export function createReconciler(
  { store, workflows, logger }: { store: JobStore; workflows: JobWorkflows; logger: Logger },
  options: { timeLimitSeconds: number },
): Reconciler {
  async function reconcile(job: Job): Promise<void> {
    const status = await workflows.statusOf(job.id)
    if (status === 'MISSING') return workflows.start(job)
    const ending = endingOf(status, options.timeLimitSeconds)
    if (ending === undefined || !(await store.end(job.id, ending))) return
    logger.info({ jobId: job.id, status, state: ending.state }, 'a job ended with its workflow')
  }

  async function sweep(): Promise<number> {
    const jobs = await store.takeUnchecked(checkEverySeconds, jobsAtOnce)
    for (let start = 0; start < jobs.length; start += callsAtOnce) {
      // The first failure ends the sweep: Temporal is away for the others, too.
      await Promise.all(jobs.slice(start, start + callsAtOnce).map(reconcile))
    }
    return jobs.length
  }

  function run() {
    const closing = Promise.withResolvers<void>()
    let isClosing = false
    const loop = async () => {
      while (!isClosing) {
        await sweep().catch((error: unknown) => {
          logger.warn({ err: error }, 'jobs could not be compared with their workflows')
        })
        await Promise.race([new Promise((resolve) => setTimeout(resolve, pauseMs)), closing.promise])
      }
    }
    const ended = loop()
    return {
      async close() {
        isClosing = true
        closing.resolve()
        await ended
      },
    }
  }

  return { reconcile, sweep, run }
}

/** How a job ends whose workflow ended without a word. */
function endingOf(status: WorkflowStatus, timeLimitSeconds: number) {
  switch (status) {
    case 'CANCELLED':
    case 'TERMINATED':
      return { state: 'CANCELED' as const }
    case 'TIMED_OUT':
      return { state: 'FAILED' as const, failure: timeLimitFailure(timeLimitSeconds) }
    case 'COMPLETED':
    case 'FAILED':
      return { state: 'FAILED' as const, failure: internalFailure() }
    default:
      return undefined
  }
}
