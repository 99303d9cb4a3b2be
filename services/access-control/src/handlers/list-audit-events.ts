import { listAuditEvents as list } from '#kit/audit-events.ts'
import type { Rpc } from '../rpc.ts'
import type { AuditStore } from '../store/audit-store.ts'

export function listAuditEvents(audit: AuditStore): Rpc<'listAuditEvents'> {
  return (request) => list(request, audit.list)
}
