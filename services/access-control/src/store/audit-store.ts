import type { JsonObject } from '@bufbuild/protobuf'
import { QueryTypes, type Sequelize, type Transaction } from 'sequelize'
import type { AuditEvent, AuditPosition, AuditSlice } from '#kit/audit-events.ts'
import {
  auditCondition,
  authorColumns,
  authorIn,
  authorValues,
  bindAuthor,
  type EventColumns,
  eventColumns,
  newestFirst,
} from '#kit/audit-statements.ts'
import type { Author } from '#kit/author.ts'
import type { AuditAction } from '../domain/audit-actions.ts'
import type { Resource } from '../domain/permissions.ts'

export type AuditStore = {
  /** Events, newest first. */
  list(slice: AuditSlice): Promise<(AuditEvent & AuditPosition)[]>
  /**
   * Removes events that are older than so many seconds, the oldest first and `most` of them, and puts down that it did. Returns how
   * many.
   */
  purge(olderThanSeconds: number, most: number, author: Author): Promise<number>
}

export function createAuditStore(database: Sequelize): AuditStore {
  return {
    async list({ filter, after, count }) {
      const { where, bind } = auditCondition(filter, after)
      const rows = await database.query<EventRow>(
        `select ${eventColumns}, target_kind, target, organization_id, program_id, before, after
         from audit_events where ${where} ${newestFirst} limit $count`,
        { type: QueryTypes.SELECT, bind: { ...bind, count } },
      )
      return rows.map(readEvent)
    },

    async purge(olderThanSeconds, most, author) {
      const [row] = await database.query<{ purged: number }>(purgeSql, {
        type: QueryTypes.SELECT,
        bind: { olderThanSeconds, most, ...bindAuthor(author) },
      })
      return row?.purged ?? 0
    },
  }
}

type EventRow = EventColumns & {
  target_kind: string
  target: string
  organization_id: string | null
  program_id: string | null
  before: JsonObject | null
  after: JsonObject | null
}

function readEvent(row: EventRow): AuditEvent & AuditPosition {
  return {
    id: row.id,
    at: row.occurred_at,
    micros: row.micros,
    author: authorIn(row),
    action: row.action,
    target: { kind: row.target_kind, name: row.target },
    organization: { id: row.organization_id, key: null },
    program: { id: row.program_id, key: null },
    courseKey: null,
    before: row.before,
    after: row.after,
    outcome: 'done',
  }
}

/** What is put down, in SQL: `target`, `before` and `after` are expressions on the rows of `from`. */
type EventSql = {
  action: AuditAction
  target: readonly [kind: string, name: string]
  /** Expressions for a resource; about none when absent. */
  resource?: readonly [kind: string, id: string]
  before?: string
  after?: string
  from: string
}

/**
 * The common table expression that puts down an event for each row of `from`, in the statement that makes the change. Takes the binds
 * of `bindAuthor`.
 */
export function recorded(name: string, event: EventSql): string {
  const {
    action,
    target,
    resource = ['null::text', 'null::uuid'],
    before = 'null',
    after = 'null',
    from,
  } = event
  const [kind, id] = resource
  return `${name} as (
    insert into audit_events (${authorColumns}, action, target_kind, target, organization_id, program_id, before, after)
    select ${authorValues}, '${action}', ${target.join(', ')},
      case when ${kind} = 'organization' then ${id} end, case when ${kind} = 'program' then ${id} end,
      ${before}, ${after}
    from ${from})`
}

/** The fields of one JSON object that another one has otherwise. */
export function differing(object: string, other: string): string {
  return `(select jsonb_object_agg(each.key, each.value) from jsonb_each(${object}) each
    where each.value is distinct from ${other} -> each.key)`
}

/** What a transaction puts down that makes its change by a model. */
export async function recordGroupEvent(
  database: Sequelize,
  event: {
    action: AuditAction
    group: string
    resource: Resource | undefined
    before?: object
    after?: object
  },
  author: Author,
  transaction: Transaction,
): Promise<void> {
  await database.query(groupEventSql, {
    transaction,
    bind: {
      ...bindAuthor(author),
      action: event.action,
      group: event.group,
      organizationId: event.resource?.kind === 'organization' ? event.resource.id : null,
      programId: event.resource?.kind === 'program' ? event.resource.id : null,
      before: event.before === undefined ? null : JSON.stringify(event.before),
      after: event.after === undefined ? null : JSON.stringify(event.after),
    },
  })
}

const groupEventSql = `
  insert into audit_events (${authorColumns}, action, target_kind, target, organization_id, program_id, before, after)
  values (${authorValues}, $action, 'group', $group, $organizationId, $programId, $before, $after)`

const purgeSql = `
  with purge as materialized (
    select purge_audit_events(now() - $olderThanSeconds::bigint * interval '1 second', $most) as purged
  ), ${recorded('put_down', {
    action: 'audit.purged',
    target: [`'audit'`, `'access-control'`],
    after: `jsonb_build_object('events', purged, 'older_than_seconds', $olderThanSeconds::bigint)`,
    from: 'purge where purged > 0',
  })}
  select purged from purge`
