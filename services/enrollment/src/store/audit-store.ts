import { QueryTypes, type Sequelize } from 'sequelize'
import type { AuditEvent, AuditFilter, AuditPosition, AuditSlice } from '#kit/audit-events.ts'
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
import type { AuditedRow, RowPosition, RowsOf } from '../domain/audited-row.ts'

export type AuditStore = {
  /** Batches, newest first. */
  listBatches(slice: AuditSlice): Promise<(AuditEvent & AuditPosition)[]>
  /** The batches with these ids. */
  findBatches(ids: readonly string[]): Promise<AuditEvent[]>
  /** Rows of batches that the filter lets through, newest first, behind a position when there is one. */
  listRows(
    of: RowsOf,
    slice: { filter: AuditFilter; after?: RowPosition; count: number },
  ): Promise<AuditedRow[]>
  /**
   * Removes batches that are older than so many seconds, the oldest first and `most` of them, with their rows, and puts down that it
   * did. Returns how many.
   */
  purge(olderThanSeconds: number, most: number, author: Author): Promise<number>
}

export function createAuditStore(database: Sequelize): AuditStore {
  return {
    async listBatches({ filter, after, count }) {
      const { where, bind } = auditCondition(filter, after)
      const rows = await database.query<BatchRow>(
        batchesFrom(`select ${batchColumns} from audit_batches where ${where} ${newestFirst} limit $count`),
        { type: QueryTypes.SELECT, bind: { ...bind, count } },
      )
      return rows.map(readBatch)
    },

    async findBatches(ids) {
      const rows = await database.query<BatchRow>(
        batchesFrom(`select ${batchColumns} from audit_batches where id = any ($ids::bigint[])`),
        { type: QueryTypes.SELECT, bind: { ids: [...ids] } },
      )
      return rows.map(readBatch)
    },

    async listRows(of, { filter, after, count }) {
      const { where, bind } = auditCondition(filter)
      const isOf = 'batchId' in of ? 'r.batch_id = $batchId::bigint' : 'r.student_key = $studentKey'
      const isBehind =
        after === undefined ? 'true' : '(r.batch_id, r.id) < ($afterBatch::bigint, $afterRow::bigint)'
      const position = after && { afterBatch: after.batchId, afterRow: after.id }
      const rows = await database.query<RowRow>(rowsStatement(`${isOf} and ${isBehind}`, where), {
        type: QueryTypes.SELECT,
        bind: { ...bind, ...of, ...position, count },
      })
      return rows.map(readRow)
    },

    async purge(olderThanSeconds, most, author) {
      const [row] = await database.query<{ purged: number }>(purgeStatement, {
        type: QueryTypes.SELECT,
        bind: { olderThanSeconds, most, ...bindAuthor(author) },
      })
      return row?.purged ?? 0
    },
  }
}

const batchColumns = `${eventColumns}, mode, target, organization_id, organization_key, program_id, program_key, course_key, row_count,
  accepted, refused`

function batchesFrom(batches: string): string {
  return `
  select b.*, o.accepted as accepted_later, o.refused as refused_later, o.failure
  from (${batches}) b
  left join lateral (select * from audit_outcomes o where o.batch_id = b.id limit 1) o on true
  ${newestFirst.replaceAll(/occurred_at|id\b/g, 'b.$&')}`
}

type BatchRow = EventColumns & {
  mode: string | null
  target: string
  organization_id: string | null
  organization_key: string | null
  program_id: string | null
  program_key: string | null
  course_key: string | null
  row_count: number
  accepted: number | null
  refused: number | null
  accepted_later: number | null
  refused_later: number | null
  failure: string | null
}

function readBatch(row: BatchRow): AuditEvent & AuditPosition {
  const { mode, failure } = row
  const accepted = row.accepted ?? row.accepted_later
  const refused = row.refused ?? row.refused_later
  return {
    id: row.id,
    at: row.occurred_at,
    micros: row.micros,
    author: authorIn(row),
    action: row.action,
    target: { kind: kindOf(row), name: row.target },
    organization: { id: row.organization_id, key: row.organization_key },
    program: { id: row.program_id, key: row.program_key },
    courseKey: row.course_key,
    before: null,
    after: {
      ...(mode !== null && { mode }),
      rows: row.row_count,
      ...(accepted !== null && { accepted, refused }),
    },
    outcome: failure ?? (accepted === null ? 'unknown' : 'done'),
  }
}

function kindOf({ program_key, course_key }: BatchRow): string {
  if (course_key !== null) return 'course'
  return program_key === null ? 'audit' : 'program'
}

// Scalar subqueries: a join could be planned as a scan of everything. Rows that were asked for are told while nothing else is known.
function rowsStatement(isWanted: string, isBatchWanted: string): string {
  return `
  select r.batch_id, r.id, r.occurred_at, r.student_key, r.action, r.asked, r.outcome, r.previous_status, r.previous_course_staff,
    r.course_staff
  from audit_rows r
  where ${isWanted}
    and (r.action <> 'asked'
      or (select o.failure is null from audit_outcomes o where o.batch_id = r.batch_id) is not true)
    and (select true from audit_batches b where b.id = r.batch_id and ${isBatchWanted})
  order by r.batch_id desc, r.id desc limit $count`
}

type RowRow = {
  batch_id: string
  id: string
  occurred_at: Date
  student_key: string
  action: AuditedRow['action']
  asked: string | null
  outcome: string | null
  previous_status: string | null
  previous_course_staff: boolean | null
  course_staff: boolean | null
}

function readRow(row: RowRow): AuditedRow {
  return {
    batchId: row.batch_id,
    id: row.id,
    at: row.occurred_at,
    studentKey: row.student_key,
    action: row.action,
    asked: row.asked,
    outcome: row.outcome,
    previousStatus: row.previous_status,
    previousCourseStaff: row.previous_course_staff,
    courseStaff: row.course_staff,
  }
}

const purgeStatement = `
  with purge as materialized (
    select purge_audit_events(now() - $olderThanSeconds::bigint * interval '1 second', $most) as purged
  ), batch as (
    insert into audit_batches (${authorColumns}, action, target, row_count, accepted, refused)
    select ${authorValues}, 'audit.purged', 'enrollment', purged, purged, 0 from purge where purged > 0
  )
  select purged from purge`
