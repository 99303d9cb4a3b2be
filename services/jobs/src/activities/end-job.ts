import { Context } from '@temporalio/activity'
import { type EndedAs, type Ending, timeLimitFailure, timeLimitReason } from '../domain/ending.ts'
import { partsFolderOf } from '../domain/object-keys.ts'
import type { Task } from '../domain/tasks.ts'
import type { JobStore } from '../store/job-store.ts'
import { explainFailures } from './attempt.ts'
import type { PublishResultDependencies } from './publish-result.ts'
import { runIdOf, wasEndedByEarlierRun } from './runs.ts'

/** Writes down how a job ended that did not succeed and removes its parts. Returns how the job stands then. */
export function createEndJob(dependencies: PublishResultDependencies) {
  const { store, storage, bucket, logger } = dependencies
  return ({ jobId, timeLimitSeconds }: Task, wanted: Ending): Promise<EndedAs> =>
    explainFailures(dependencies, jobId, async () => {
      const runId = runIdOf(Context.current())
      const ending = await withLastTrouble(store, jobId, timeLimitSeconds, wanted)
      const end = () => store.end(jobId, ending, runId)
      const endAnew = async () =>
        (await wasEndedByEarlierRun(store, jobId, runId)) && (await store.endAnew(jobId, ending, runId))
      // The reconciler may open it again in between, for this run.
      const isEnded = (await end()) || (await endAnew()) || (await end())
      await storage.removeFolder(bucket, partsFolderOf(jobId)).catch((error: unknown) => {
        // They go when the job is purged.
        logger.warn({ jobId, err: error }, 'the parts of a job could not be removed')
      })
      const job = isEnded ? undefined : await store.find(jobId)
      if (job !== undefined) return { state: job.state, failure: job.failure }
      return { state: ending.state, failure: ending.state === 'FAILED' ? ending.failure : null }
    })
}

async function withLastTrouble(
  store: JobStore,
  jobId: string,
  seconds: number,
  ending: Ending,
): Promise<Ending> {
  if (ending.state !== 'FAILED' || ending.failure.reason !== timeLimitReason) return ending
  const job = await store.find(jobId)
  return { state: 'FAILED', failure: timeLimitFailure(seconds, job?.failure) }
}
