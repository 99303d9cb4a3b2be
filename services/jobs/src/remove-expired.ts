import type { Job } from './domain/job.ts'
import { partsFolderOf, resultKeyOf, uploadKeyOf } from './domain/object-keys.ts'
import {
  isLeftover,
  type JobObject,
  jobFolders,
  jobObjectOf,
  leftoverSeconds,
  type Retention,
} from './domain/retention.ts'
import type { FoundObject, Storage } from './storage/storage.ts'
import type { JobStore } from './store/job-store.ts'

export type RemovalDependencies = { store: JobStore; storage: Storage; bucket: string }

const jobsAtOnce = 100
const objectsAtOnce = 500

/** Removes jobs that ended so many seconds ago or earlier, with all that is theirs, until the signal aborts; how many there were. */
export function removeEndedJobs(
  dependencies: RemovalDependencies,
  olderThanSeconds: number,
  signal: AbortSignal,
): Promise<number> {
  const { store, storage, bucket } = dependencies
  return inBatches(
    signal,
    () => store.listEndedBefore(olderThanSeconds, jobsAtOnce),
    async (jobs) => {
      // Objects first: a job whose objects are gone is found again, objects whose job is gone are not.
      await Promise.all(
        jobs.map(async (job) => {
          await storage.remove(bucket, resultKeyOf(job))
          await storage.remove(bucket, uploadKeyOf(job.id))
          await storage.removeFolder(bucket, partsFolderOf(job.id))
        }),
      )
      return store.remove(jobs.map(({ id }) => id))
    },
  )
}

/** Removes the results of jobs that ended so many seconds ago or earlier; how many there were. */
export function removeResults(
  { store, storage, bucket }: RemovalDependencies,
  olderThanSeconds: number,
  signal: AbortSignal,
): Promise<number> {
  return inBatches(
    signal,
    () => store.listWithResultBefore(olderThanSeconds, jobsAtOnce),
    async (jobs) => {
      // Nobody is handed a link any more before the object goes.
      await store.noteResultsRemoved(jobs.map(({ id }) => id))
      await Promise.all(jobs.map((job) => storage.remove(bucket, resultKeyOf(job))))
      return jobs.length
    },
  )
}

/** Removes the uploads of jobs that ended so many seconds ago or earlier; how many there were. */
export function removeUploads(
  { store, storage, bucket }: RemovalDependencies,
  olderThanSeconds: number,
  signal: AbortSignal,
): Promise<number> {
  return inBatches(
    signal,
    () => store.listWithUploadBefore(olderThanSeconds, jobsAtOnce),
    async (jobs) => {
      await Promise.all(jobs.map(({ id }) => storage.remove(bucket, uploadKeyOf(id))))
      await store.noteUploadsRemoved(jobs.map(({ id }) => id))
      return jobs.length
    },
  )
}

/** Removes what jobs and processes that are gone have left in the storage; how much there was. */
export async function removeLeftovers(
  dependencies: RemovalDependencies,
  retention: Retention,
  signal: AbortSignal,
): Promise<number> {
  const { storage, bucket } = dependencies
  let removed = 0
  for (const folder of jobFolders) {
    removed += await storage.removeUnfinished(bucket, folder, leftoverSeconds)
    let batch: (FoundObject & JobObject)[] = []
    for await (const object of storage.walk(bucket, folder)) {
      signal.throwIfAborted()
      const what = jobObjectOf(object.key)
      if (what === undefined || batch.push({ ...object, ...what }) < objectsAtOnce) continue
      removed += await removeUseless(dependencies, retention, batch)
      batch = []
    }
    removed += await removeUseless(dependencies, retention, batch)
  }
  return removed
}

async function removeUseless(
  { store, storage, bucket }: RemovalDependencies,
  retention: Retention,
  objects: readonly (FoundObject & JobObject)[],
): Promise<number> {
  const standpoints = await store.findStandpoints([...new Set(objects.map(({ jobId }) => jobId))])
  const states = new Map(standpoints.map(({ id, state }) => [id, state]))
  const useless = objects.filter(({ is, jobId, modifiedAt }) =>
    isLeftover(is, states.get(jobId), (Date.now() - modifiedAt.getTime()) / 1_000, retention),
  )
  for (const { key } of useless) await storage.remove(bucket, key)
  return useless.length
}

type SomeJobs = Pick<Job, 'id' | 'format'>[]

async function inBatches(
  signal: AbortSignal,
  take: () => Promise<SomeJobs>,
  remove: (jobs: SomeJobs) => Promise<number>,
): Promise<number> {
  let removed = 0
  while (!signal.aborted) {
    const jobs = await take()
    if (jobs.length === 0) break
    removed += await remove(jobs)
  }
  return removed
}
