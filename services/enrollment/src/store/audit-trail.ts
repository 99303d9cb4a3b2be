import { QueryTypes, type Sequelize } from 'sequelize'
import { apartFromCall } from '#kit/call-signal.ts'
import type { Logger } from '#kit/logger.ts'
import type { AuditedBatch } from '../domain/audited-batch.ts'
import type { EnrollmentWrite, WriteOutcome } from '../domain/enrollment-write.ts'
import { toStorable } from '../domain/write-rules.ts'
import { batchBegun, bindBatch, rowColumns } from './audit-batches.ts'

/** Puts down what another system writes for us. What is written here is put down by the statement that writes it. */
export type AuditTrail = {
  /** Puts down what is about to be asked of the other system, and returns the batch's id. */
  begin(batch: AuditedBatch, writes: readonly EnrollmentWrite[]): Promise<string>
  /** Adds what came of each row. Should that fail, it is logged: the work was done, and the trail says that nobody knows. */
  conclude(
    batchId: string,
    writes: readonly EnrollmentWrite[],
    outcomes: readonly WriteOutcome[],
  ): Promise<void>
  /** Adds that the batch failed, and by what reason: some of it may have been done. */
  fail(batchId: string, reason: string): Promise<void>
}

export function createAuditTrail(database: Sequelize, logger: Logger): AuditTrail {
  const add = (statement: string, bind: Record<string, unknown>) =>
    // The caller may be gone by now.
    apartFromCall(() => database.query(statement, { bind, type: QueryTypes.RAW })).then(
      () => {},
      (error: unknown) => logger.warn({ err: error }, 'what came of a batch could not be put down'),
    )
  return {
    async begin(batch, writes) {
      const [row] = await database.query<{ id: string }>(beginStatement, {
        bind: { ...bindBatch(batch), ...bindWrites(writes) },
        type: QueryTypes.SELECT,
      })
      return (row as { id: string }).id
    },
    conclude(batchId, writes, outcomes) {
      const byStudent = new Map(writes.map((write) => [write.studentKey, write]))
      // Nothing was asked about some of whom an LMS tells.
      const asked = outcomes.map(({ studentKey }) => byStudent.get(studentKey))
      return add(concludeStatement, {
        batchId,
        studentKeys: outcomes.map(({ studentKey }) => toStorable(studentKey)),
        actions: outcomes.map(({ accepted }) => (accepted ? 'accepted' : 'refused')),
        asked: asked.map((write) => write && toStorable(write.status)),
        outcomes: outcomes.map(({ status }) => toStorable(status)),
        courseStaff: asked.map((write) => write?.courseStaff),
      })
    },
    fail: (batchId, reason) => add(failStatement, { batchId, reason }),
  }
}

function bindWrites(writes: readonly EnrollmentWrite[]) {
  return {
    studentKeys: writes.map(({ studentKey }) => toStorable(studentKey)),
    statuses: writes.map(({ status }) => toStorable(status)),
    courseStaff: writes.map(({ courseStaff }) => courseStaff ?? null),
  }
}

const beginStatement = `
  with ${batchBegun('cardinality($studentKeys::text[])')}, put_down as (
    insert into audit_rows (${rowColumns})
    select b.id, a.student_key, 'asked', a.status, null, null, null, a.course_staff
    from batch b, unnest($studentKeys::text[], $statuses::text[], $courseStaff::boolean[]) as a (student_key, status, course_staff))
  select id from batch`

const concludeStatement = `
  with told as materialized (
    select * from unnest($studentKeys::text[], $actions::text[], $asked::text[], $outcomes::text[], $courseStaff::boolean[])
      as t (student_key, action, asked, outcome, course_staff)), put_down as (
    insert into audit_rows (${rowColumns})
    select $batchId::bigint, t.student_key, t.action, t.asked, t.outcome, null, null, t.course_staff from told t)
  insert into audit_outcomes (batch_id, accepted, refused)
  select $batchId::bigint, count(*) filter (where action = 'accepted'), count(*) filter (where action = 'refused') from told`

const failStatement = `
  insert into audit_outcomes (batch_id, failure) values ($batchId::bigint, $reason)`
