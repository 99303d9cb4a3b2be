import type { AuditFilter, AuditPosition } from './audit-events.ts'
import type { Author } from './author.ts'

// What the tables of audit events have in common: the columns occurred_at, id, actor_kind, actor, via, request_id, action, target,
// organization_id and program_id.

type Bind = Record<string, string | number | Date | null>

const conditions: Record<keyof AuditFilter, string> = {
  actor: 'actor = $actor',
  organizationId: 'organization_id = $organizationId::uuid',
  programId: 'program_id = $programId::uuid',
  action: 'action = $action',
  target: 'target = $target',
  requestId: 'request_id = $requestId',
  since: 'occurred_at >= $since::timestamptz',
  until: 'occurred_at < $until::timestamptz',
}

/** The condition that events meet which a filter lets through, behind a position when there is one; with what it binds. */
export function auditCondition(filter: AuditFilter, after?: AuditPosition): { where: string; bind: Bind } {
  const wanted = Object.keys(filter).map((name) => conditions[name as keyof AuditFilter])
  if (after !== undefined) {
    wanted.push(
      `(occurred_at, id) < ('epoch'::timestamptz + $afterMicros::double precision * interval '1 microsecond', $afterId::bigint)`,
    )
  }
  const position = after && { afterMicros: after.micros, afterId: after.id }
  return { where: wanted.join(' and ') || 'true', bind: { ...filter, ...position } }
}

/** The columns that an event and its position are read from, and their order. */
export const eventColumns = `
  id, occurred_at, (extract(epoch from occurred_at) * 1000000)::bigint::text as micros,
  actor_kind, actor, via, request_id, action`
export const newestFirst = 'order by occurred_at desc, id desc'

/** What `eventColumns` gives. */
export type EventColumns = {
  id: string
  occurred_at: Date
  micros: string
  actor_kind: Author['kind']
  actor: string
  via: Author['via']
  request_id: string
  action: string
}

export function authorIn(row: EventColumns): Author {
  return { kind: row.actor_kind, name: row.actor, via: row.via, requestId: row.request_id }
}

/** The columns that a statement puts its author into, and the values that it takes from `bindAuthor`. */
export const authorColumns = 'actor_kind, actor, via, request_id'
export const authorValues = '$authorKind::text, $authorName::text, $authorVia::text, $requestId::text'

export function bindAuthor(author: Author) {
  return {
    authorKind: author.kind,
    authorName: author.name,
    authorVia: author.via,
    requestId: author.requestId,
  }
}
