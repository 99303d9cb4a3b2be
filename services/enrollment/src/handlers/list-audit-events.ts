import type { ServiceImpl } from '@connectrpc/connect'
import { listAuditEvents as list } from '#kit/audit-events.ts'
import type { EnrollmentService } from '#proto/registrar/enrollment/v1/enrollment_service_pb.ts'
import type { AuditStore } from '../store/audit-store.ts'

type Dependencies = { audit: Pick<AuditStore, 'listBatches'> }

export function listAuditEvents({
  audit,
}: Dependencies): ServiceImpl<typeof EnrollmentService>['listAuditEvents'] {
  return (request) => list(request, audit.listBatches)
}
