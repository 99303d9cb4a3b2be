import type { Job } from '../domain/job.ts'
import { partsFolderOf, resultKeyOf, uploadKeyOf } from '../domain/object-keys.ts'
import { invalidArgument } from '../find-job.ts'
import type { Rpc } from '../rpc.ts'
import type { Storage } from '../storage/storage.ts'
import type { JobStore } from '../store/job-store.ts'

export type PurgeJobsDependencies = { store: JobStore; storage: Storage; bucket: string }

const jobsAtOnce = 100

export function purgeJobs(dependencies: PurgeJobsDependencies): Rpc<'purgeJobs'> {
  const { store } = dependencies
  return async ({ olderThan }, { signal }) => {
    if (olderThan === undefined || olderThan.seconds < 0n || olderThan.nanos < 0) {
      throw invalidArgument('older_than', 'must be an age that is not negative')
    }
    const seconds = Number(olderThan.seconds) + olderThan.nanos / 1e9
    let purged = 0
    while (!signal.aborted) {
      const jobs = await store.listEndedBefore(seconds, jobsAtOnce)
      if (jobs.length === 0) break
      // Objects first: a job whose objects are gone is found again, objects whose job is gone are not.
      await Promise.all(jobs.map((job) => removeObjects(dependencies, job)))
      purged += await store.remove(jobs.map(({ id }) => id))
    }
    return { purged }
  }
}

async function removeObjects(
  { storage, bucket }: PurgeJobsDependencies,
  job: Pick<Job, 'id' | 'format'>,
): Promise<void> {
  await storage.remove(bucket, resultKeyOf(job))
  await storage.remove(bucket, uploadKeyOf(job.id))
  await storage.removeFolder(bucket, partsFolderOf(job.id))
}
