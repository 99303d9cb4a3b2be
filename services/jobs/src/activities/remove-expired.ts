import { Context } from '@temporalio/activity'
import type { Logger } from '#kit/logger.ts'
import { type Purged, type Retention, secondsPerDay } from '../domain/retention.ts'
import {
  type RemovalDependencies,
  removeEndedJobs,
  removeLeftovers,
  removeResults,
  removeUploads,
} from '../remove-expired.ts'
import { partFailureOf, toApplicationFailure } from './failures.ts'

const beatEveryMs = 1_000

/** Removes what is older than its retention time, and what nobody needs. Returns and logs how much. Repeating it goes on. */
export function createRemoveExpired(dependencies: RemovalDependencies & { logger: Logger }) {
  return async (retention: Retention): Promise<Purged> => {
    const context = Context.current()
    const { info, cancellationSignal: signal } = context
    const beating = setInterval(() => context.heartbeat(), beatEveryMs)
    const after = (days: number, remove: typeof removeResults) =>
      days === 0 ? 0 : remove(dependencies, days * secondsPerDay, signal)
    try {
      const purged = {
        results: await after(retention.resultDays, removeResults),
        uploads: await after(retention.uploadDays, removeUploads),
        jobs: await after(retention.jobDays, removeEndedJobs),
        leftovers: await removeLeftovers(dependencies, retention, signal),
      }
      signal.throwIfAborted()
      dependencies.logger.info(purged, 'what is no longer kept was removed')
      return purged
    } catch (error) {
      if (signal.aborted) throw signal.reason
      dependencies.logger.warn({ err: error }, 'what is no longer kept could not be removed')
      throw toApplicationFailure(partFailureOf(error, info.attempt))
    } finally {
      clearInterval(beating)
    }
  }
}
