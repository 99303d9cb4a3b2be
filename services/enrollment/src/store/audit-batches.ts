import { authorColumns, authorValues, bindAuthor } from '#kit/audit-statements.ts'
import type { AuditedBatch, RefusedWrite } from '../domain/audited-batch.ts'
import { toStorable } from '../domain/write-rules.ts'

// Common table expressions by which the statement that writes a batch puts it down: the batch, its rows, and what came of it.

const batchColumns = `${authorColumns}, action, mode, target, organization_id, organization_key, program_id, program_key, program_uuid,
  course_key`
const batchValues = `${authorValues}, $action::text, $mode::text, coalesce($courseKey::text, $programKey::text), $organizationId::uuid,
  $organizationKey::text, $programId::uuid, $programKey::text, $programUuid::uuid, $courseKey::text`

/**
 * Puts down a batch of so many rows and what came of them: `batch (id)`, once for the one row of `from`. Takes the binds of
 * `bindBatch`.
 */
export function batchDone(
  { rows, accepted }: { rows: string; accepted: string },
  from = '(select) as once',
): string {
  return `batch as (
    insert into audit_batches (${batchColumns}, row_count, accepted, refused)
    select ${batchValues}, counted.rows, counted.accepted, counted.rows - counted.accepted
    from ${from}, (select ${rows} as rows, ${accepted} as accepted) as counted returning id)`
}

/** The same before it is known what comes of them. */
export function batchBegun(rows: string): string {
  return `batch as (
    insert into audit_batches (${batchColumns}, row_count) select ${batchValues}, ${rows} returning id)`
}

export const rowColumns = `batch_id, student_key, action, asked, outcome, previous_status, previous_course_staff, course_staff`

/**
 * Puts down a batch of enrollments, in the turn that it is written in. Wants `turn`, `asked (student_key, status)`, of which some are
 * in `written (student_key, previous_status, status, previous_course_staff, course_staff)` and some in
 * `unwritten (student_key, status, refusal)`; the others were as asked. Takes the binds of `bindBatch` and `bindRefused` too.
 */
export const enrollmentsPutDown = `
  ${batchDone(
    {
      rows: 'cardinality($studentKeys::text[]) + cardinality($refusedKeys::text[])',
      accepted: 'cardinality($studentKeys::text[]) - (select count(*) from unwritten)',
    },
    'turn',
  )},
  put_down as (
    insert into audit_rows (${rowColumns})
    select b.id, w.student_key, case when w.previous_status is null then 'created' else 'updated' end, w.status, w.status,
      w.previous_status, w.previous_course_staff, w.course_staff
    from batch b, written w
    union all
    select b.id, a.student_key, 'unchanged', a.status, a.status, a.status, null, null
    from batch b, asked a
    where a.student_key not in (select w.student_key from written w)
      and a.student_key not in (select u.student_key from unwritten u)
    union all
    select b.id, u.student_key, 'refused', u.status, u.refusal, null, null, null from batch b, unwritten u
    union all
    select b.id, r.student_key, 'refused', r.status, r.refusal, null, null, null
    from batch b, unnest($refusedKeys::text[], $refusedStatuses::text[], $refusals::text[]) as r (student_key, status, refusal))`

export function bindBatch({ action, program, courseKey = null, mode = null, author }: ToBind) {
  const { id, key, organizationKey } = program.called
  return {
    ...bindAuthor(author),
    action,
    mode,
    organizationId: program.organizationId,
    organizationKey,
    programId: id,
    programKey: key,
    programUuid: program.uuid,
    courseKey,
  }
}

type ToBind = Omit<AuditedBatch, 'courseKey' | 'mode'> & {
  courseKey?: string | null
  mode?: AuditedBatch['mode'] | null
}

export function bindRefused(refused: readonly RefusedWrite[]) {
  return {
    refusedKeys: refused.map(({ write }) => toStorable(write.studentKey)),
    refusedStatuses: refused.map(({ write }) => toStorable(write.status)),
    refusals: refused.map(({ refusal }) => refusal),
  }
}
