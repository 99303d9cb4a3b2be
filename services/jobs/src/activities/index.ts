import type { Logger } from '#kit/logger.ts'
import type { Storage } from '../storage/storage.ts'
import type { JobStore } from '../store/job-store.ts'
import type { PartLimits } from './attempt.ts'
import { createEndJob } from './end-job.ts'
import { createPublishResult } from './publish-result.ts'
import { createReadPart } from './read-part.ts'
import { createRemoveExpired } from './remove-expired.ts'
import type { RowSources } from './row-sources.ts'
import { createSyncWithDiscovery, type SyncDependencies } from './sync-with-discovery.ts'
import { createWritePart } from './write-part.ts'

export type ActivityDependencies = RowSources &
  SyncDependencies & {
    store: JobStore
    storage: Storage
    /** Where results and uploads lie. */
    bucket: string
    limits: PartLimits & { rows: number }
    logger: Logger
  }

export type Activities = ReturnType<typeof createActivities>

/** What workflows can have done. */
export function createActivities({ catalog, enrollment, operatorCatalog, ...rest }: ActivityDependencies) {
  return {
    readPart: createReadPart({ ...rest, sources: { catalog, enrollment } }),
    writePart: createWritePart({ ...rest, enrollment }),
    publishResult: createPublishResult(rest),
    endJob: createEndJob(rest),
    removeExpired: createRemoveExpired(rest),
    syncWithDiscovery: createSyncWithDiscovery({ ...rest, operatorCatalog }),
  }
}
