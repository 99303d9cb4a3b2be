import { readRetention } from '#kit/audit-retention.ts'
import { authorOf } from '#kit/author.ts'
import type { Rpc } from '../rpc.ts'
import type { AuditStore } from '../store/audit-store.ts'

const mostAtOnce = 10_000

export function purgeAuditEvents(audit: AuditStore): Rpc<'purgeAuditEvents'> {
  return async ({ olderThan }, context) => {
    const purged = await audit.purge(readRetention(olderThan), mostAtOnce, authorOf(context))
    return { purged, more: purged === mostAtOnce }
  }
}
