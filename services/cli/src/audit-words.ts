import type { JsonObject, JsonValue } from '@bufbuild/protobuf'
import {
  type AuditActor,
  type AuditEvent,
  AuditEventSchema,
} from '#proto/registrar/audit/v1/audit_event_pb.ts'
import {
  type AuditRow,
  AuditRow_ActionSchema,
  AuditRowSchema,
} from '#proto/registrar/enrollment/v1/audit_row_pb.ts'
import type { AuditEntry } from './audit-trail.ts'
import { formatTime, toAnswerJson } from './output.ts'

export const auditHeader = ['TIME', 'WHO', 'DID', 'TO', 'WHAT', 'REQUEST']

/** An entry of the audit trail on a line. */
export function toAuditCells({ event, row }: AuditEntry): string[] {
  const { actor, requestId } = event
  const [action, target, what] =
    row === undefined
      ? [event.action, `${event.target?.kind} ${event.target?.name}`, describeChange(event)]
      : [describeAction(row), `student ${row.studentKey}`, describeRow(event, row)]
  return [formatTime((row ?? event).time), describeActor(actor), action, target, what, requestId]
}

/** The same for programs: the event as in the proto, with the service that put it down, and the row if it is about one. */
export function toAuditJson({ service, event, row }: AuditEntry): JsonValue {
  const told = toAnswerJson(AuditEventSchema, event) as JsonObject
  return { service, ...told, ...(row && { row: toAnswerJson(AuditRowSchema, row) }) }
}

function describeActor(actor: AuditActor | undefined): string {
  const { name = '', via = '' } = actor ?? {}
  return via === '' ? name : `${name} (${via})`
}

function describeChange(event: AuditEvent): string {
  const { before, after, outcome } = event
  const parts = [
    before && after ? `${pairs(before)} →` : before && `no more ${pairs(before)}`,
    after && pairs(after),
  ]
  if (event.programKey === '' && event.programId !== '') parts.push(`on program ${event.programId}`)
  if (event.organizationKey === '' && event.organizationId !== '') {
    parts.push(`on organization ${event.organizationId}`)
  }
  if (outcome !== 'done') parts.push(outcome)
  return parts.filter(Boolean).join(' ')
}

function pairs(values: JsonObject): string {
  return Object.entries(values)
    .map(([name, value]) => `${name}=${typeof value === 'string' ? value : JSON.stringify(value)}`)
    .join(' ')
}

function describeAction({ action }: AuditRow): string {
  return (AuditRow_ActionSchema.value[action]?.localName ?? 'unknown').toLowerCase()
}

function describeRow(event: AuditEvent, row: AuditRow): string {
  const { previousStatus, askedStatus, outcome } = row
  const before = previousStatus === '' ? '' : `${previousStatus} → `
  const status = outcome === '' ? `${askedStatus}?` : outcome
  const asked =
    outcome === '' || outcome === askedStatus || askedStatus === '' ? '' : ` (asked: ${askedStatus})`
  const staff = row.courseStaff === undefined ? '' : ` staff=${row.courseStaff}`
  const where = event.courseKey === '' ? event.programKey : `${event.programKey} ${event.courseKey}`
  return `${before}${status}${asked}${staff} in ${where}`
}
