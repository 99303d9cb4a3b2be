import type { Client } from '@connectrpc/connect'
import { Context } from '@temporalio/activity'
import type { Logger } from '#kit/logger.ts'
import type { CatalogService } from '#proto/registrar/catalog/v1/catalog_service_pb.ts'
import { partFailureOf, toApplicationFailure } from './failures.ts'

/** The catalog, called as the operator: the sync makes organizations, programs and groups, as `registrar sync-with-discovery` does. */
export type SyncDependencies = {
  operatorCatalog: Pick<Client<typeof CatalogService>, 'syncWithDiscovery' | 'ensureReportGroups'>
  logger: Logger
}

const beatEveryMs = 1_000
const callWithinMs = 600_000

/** Has the catalog take over what Discovery tells, then make the groups of report readers. Repeating it is fine. */
export function createSyncWithDiscovery({ operatorCatalog, logger }: SyncDependencies) {
  return async (): Promise<string> => {
    const context = Context.current()
    const { info, cancellationSignal: signal } = context
    const beating = setInterval(() => context.heartbeat(), beatEveryMs)
    const options = { signal, timeoutMs: callWithinMs }
    try {
      const synced = await operatorCatalog.syncWithDiscovery({}, options)
      const ensured = await operatorCatalog.ensureReportGroups({}, options)
      for (const problem of [...synced.problems, ...ensured.problems])
        logger.warn({ problem }, 'left out of the sync')
      logger.info('Sync with Discovery Service complete!')
      return 'Sync with Discovery Service complete!'
    } catch (error) {
      if (signal.aborted) throw signal.reason
      logger.warn({ err: error }, 'the sync with Discovery failed')
      throw toApplicationFailure(partFailureOf(error, info.attempt))
    } finally {
      clearInterval(beating)
    }
  }
}
