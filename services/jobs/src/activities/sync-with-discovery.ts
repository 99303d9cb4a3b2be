import type { Client } from '@connectrpc/connect'
import type { Logger } from '#kit/logger.ts'
import type { CatalogService } from '#proto/registrar/catalog/v1/catalog_service_pb.ts'
import { runScheduled } from './scheduled.ts'

/** The catalog, called as the operator: the sync makes organizations, programs and groups, as `registrar sync-with-discovery` does. */
export type SyncDependencies = {
  operatorCatalog: Pick<Client<typeof CatalogService>, 'syncWithDiscovery' | 'ensureReportGroups'>
  logger: Logger
}

const callWithinMs = 600_000

/** Has the catalog take over what Discovery tells, then make the groups of report readers. Repeating it is fine. */
export function createSyncWithDiscovery({ operatorCatalog, logger }: SyncDependencies) {
  return (): Promise<string> =>
    runScheduled(logger, 'the sync with Discovery failed', async (signal) => {
      const options = { signal, timeoutMs: callWithinMs }
      const synced = await operatorCatalog.syncWithDiscovery({}, options)
      const ensured = await operatorCatalog.ensureReportGroups({}, options)
      for (const problem of [...synced.problems, ...ensured.problems])
        logger.warn({ problem }, 'left out of the sync')
      logger.info('Sync with Discovery Service complete!')
      return 'Sync with Discovery Service complete!'
    })
}
