import { type Ending, timeLimitFailure, timeLimitReason } from '../domain/ending.ts'
import type { JobState } from '../domain/job.ts'
import { partsFolderOf } from '../domain/object-keys.ts'
import type { Task } from '../domain/tasks.ts'
import type { JobStore } from '../store/job-store.ts'
import { explainFailures } from './attempt.ts'
import type { PublishResultDependencies } from './publish-result.ts'

/** Writes down how a job ended that did not succeed and removes its parts. Returns the state that the job has then. */
export function createEndJob(dependencies: PublishResultDependencies) {
  const { store, storage, bucket, logger } = dependencies
  return ({ jobId, timeLimitSeconds }: Task, ending: Ending): Promise<JobState> =>
    explainFailures(dependencies, jobId, async () => {
      const isEnded = await store.end(jobId, await withLastTrouble(store, jobId, timeLimitSeconds, ending))
      await storage.removeFolder(bucket, partsFolderOf(jobId)).catch((error: unknown) => {
        // They go when the job is purged.
        logger.warn({ jobId, err: error }, 'the parts of a job could not be removed')
      })
      return isEnded ? ending.state : ((await store.find(jobId))?.state ?? ending.state)
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
