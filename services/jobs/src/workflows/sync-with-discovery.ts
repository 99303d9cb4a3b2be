import { proxyActivities } from '@temporalio/workflow'
import type { Activities } from '../activities/index.ts'

const { syncWithDiscovery } = proxyActivities<Activities>({
  startToCloseTimeout: '20 minutes',
  heartbeatTimeout: '30 seconds',
  // The schedule comes again anyway.
  retry: { initialInterval: '10 seconds', maximumInterval: '5 minutes', maximumAttempts: 5 },
})

/** Takes over what Discovery tells of organizations and programs: started by a schedule, one at a time. */
export function syncCatalog(): Promise<string> {
  return syncWithDiscovery()
}
