import { proxyActivities } from '@temporalio/workflow'
import type { Activities } from '../activities/index.ts'
import type { Purged, Retention } from '../domain/retention.ts'

const { removeExpired } = proxyActivities<Activities>({
  startToCloseTimeout: '6 hours',
  heartbeatTimeout: '30 seconds',
  // The schedule comes again anyway.
  retry: { initialInterval: '10 seconds', maximumInterval: '5 minutes', maximumAttempts: 10 },
})

/** Removes what is no longer kept: started by a schedule, one at a time. */
export function purgeExpired(retention: Retention): Promise<Purged> {
  return removeExpired(retention)
}
