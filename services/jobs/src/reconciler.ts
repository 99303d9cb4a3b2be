import { Reason } from '#kit/errors.ts'
import type { Logger } from '#kit/logger.ts'
import { reasonOf } from '#kit/rpc-errors.ts'
import { internalFailure, timeLimitFailure } from './domain/ending.ts'
import type { Job, TimeLimits } from './domain/job.ts'
import { isJobId } from './find-job.ts'
import type { Standpoint } from './store/job-endings.ts'
import type { JobStore } from './store/job-store.ts'
import type { JobWorkflows, WorkflowRun } from './temporal/job-workflows.ts'

/** Keeps jobs and their workflows in agreement, whatever happened to either. */
export type Reconciler = {
  /** Compares one open job with its workflow: starts what is missing, ends what was ended elsewhere. */
  reconcile(job: Job): Promise<void>
  /**
   * Does so for some jobs that nobody has looked at for a while and for those whose workflow broke just now, and compares some of the
   * workflows that run with their jobs. Processes that do so at once take different jobs.
   */
  sweep(): Promise<void>
  /** Sweeps again and again until closed. */
  run(): { close(): Promise<void> }
}

const checkEverySeconds = 3
const jobsAtOnce = 100
const callsAtOnce = 10
const pauseMs = 1_000
/** How long a workflow has to find out that its job was ended by others, and to tidy up when it ended it itself. */
const graceSeconds = { endedByOthers: 4, endedByItself: 60 }

export function createReconciler(
  { store, workflows, logger }: { store: JobStore; workflows: JobWorkflows; logger: Logger },
  options: { timeLimitOf: TimeLimits },
): Reconciler {
  let runningPage: string | undefined

  async function reconcile(job: Job): Promise<void> {
    const run = await workflows.find(job.id)
    if (run.status === 'MISSING') return workflows.start(job)
    const ending = endingOf(run.status, options.timeLimitOf(job.kind))
    // A job that has changed meanwhile may belong to a newer run by now.
    if (ending === undefined || !(await store.endUnchanged(job, ending, run.runId))) return
    logger.info({ jobId: job.id, status: run.status, state: ending.state }, 'a job ended with its workflow')
  }

  /** A workflow that was broken off says nothing to its job. */
  async function followBroken(): Promise<void> {
    const { runs } = await workflows.listBroken()
    const jobs = await store.findOpen(runs.map(({ jobId }) => jobId).filter(isJobId))
    await inTurns(jobs, reconcile)
  }

  async function compareRunning(): Promise<void> {
    const page = await workflows.listRunning(runningPage)
    runningPage = page.nextPageToken
    const found = await store.findStandpoints(page.runs.map(({ jobId }) => jobId).filter(isJobId))
    const standpoints = new Map(found.map((standpoint) => [standpoint.id, standpoint]))
    await inTurns(page.runs, (run) => compare(run, standpoints.get(run.jobId)))
  }

  async function compare(run: { jobId: string; runId: string }, job: Standpoint | undefined): Promise<void> {
    if (job === undefined) return terminate(run, 'There is no job with this id.')
    if (job.endedSecondsAgo === 0) return
    const isReset = job.endedRunId !== null && job.endedRunId !== run.runId && job.state !== 'SUCCEEDED'
    if (isReset) return reopen(run)
    const grace = job.endedRunId === run.runId ? graceSeconds.endedByItself : graceSeconds.endedByOthers
    if (job.endedSecondsAgo > grace) await terminate(run, `The job has ended already: ${job.state}.`)
  }

  /** The run opens its job itself as soon as a worker has it: this is for while it waits. */
  async function reopen({ jobId, runId }: { jobId: string; runId: string }): Promise<void> {
    // The list is behind by a moment; what opens a job must be true now.
    const newest = await workflows.find(jobId)
    if (newest.status !== 'RUNNING' || newest.runId !== runId) return
    try {
      if (await store.reopen(jobId, runId)) logger.info({ jobId, runId }, 'a job was opened again by a reset')
    } catch (error) {
      // The run ends by it as soon as a worker has it.
      if (reasonOf(error) !== Reason.WRITE_IN_PROGRESS) throw error
    }
  }

  async function terminate(run: { jobId: string; runId: string }, reason: string): Promise<void> {
    if (await workflows.terminate(run, reason)) logger.warn({ ...run, reason }, 'a workflow was terminated')
  }

  async function sweep(): Promise<void> {
    await inTurns(await store.takeUnchecked(checkEverySeconds, jobsAtOnce), reconcile)
    await followBroken()
    await compareRunning()
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

/** The first failure ends it: Temporal is away for the others, too. */
async function inTurns<T>(all: readonly T[], work: (each: T) => Promise<void>): Promise<void> {
  for (let start = 0; start < all.length; start += callsAtOnce) {
    await Promise.all(all.slice(start, start + callsAtOnce).map(work))
  }
}

/** How a job ends whose workflow ended without a word. */
function endingOf(status: WorkflowRun['status'], timeLimitSeconds: number) {
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
