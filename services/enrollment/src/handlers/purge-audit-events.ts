import type { ServiceImpl } from '@connectrpc/connect'
import { readRetention } from '#kit/audit-retention.ts'
import { authorOf } from '#kit/author.ts'
import type { EnrollmentService } from '#proto/registrar/enrollment/v1/enrollment_service_pb.ts'
import type { AuditStore } from '../store/audit-store.ts'

type Dependencies = { audit: Pick<AuditStore, 'purge'> }

const mostAtOnce = 500

export function purgeAuditEvents({
  audit,
}: Dependencies): ServiceImpl<typeof EnrollmentService>['purgeAuditEvents'] {
  return async ({ olderThan }, context) => {
    const purged = await audit.purge(readRetention(olderThan), mostAtOnce, authorOf(context))
    return { purged, more: purged === mostAtOnce }
  }
}
