import type { Logger } from '#kit/logger.ts'
import { type Purged, type Retention, secondsPerDay } from '../domain/retention.ts'
import {
  type RemovalDependencies,
  removeEndedJobs,
  removeLeftovers,
  removeResults,
  removeUploads,
} from '../remove-expired.ts'
import { runScheduled } from './scheduled.ts'

/** Removes what is older than its retention time, and what nobody needs. Returns and logs how much. Repeating it goes on. */
export function createRemoveExpired(dependencies: RemovalDependencies & { logger: Logger }) {
  return (retention: Retention): Promise<Purged> =>
    runScheduled(dependencies.logger, 'what is no longer kept could not be removed', async (signal) => {
      const after = (days: number, remove: typeof removeResults) =>
        days === 0 ? 0 : remove(dependencies, days * secondsPerDay, signal)
      const purged = {
        results: await after(retention.resultDays, removeResults),
        uploads: await after(retention.uploadDays, removeUploads),
        jobs: await after(retention.jobDays, removeEndedJobs),
        leftovers: await removeLeftovers(dependencies, retention, signal),
      }
      signal.throwIfAborted()
      dependencies.logger.info(purged, 'what is no longer kept was removed')
      return purged
    })
}
