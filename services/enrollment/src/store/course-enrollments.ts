import type { Sequelize } from 'sequelize'
import type { AuditedBatch, RefusedWrite } from '../domain/audited-batch.ts'
import type { CourseEnrollment } from '../domain/enrollment.ts'
import type { EnrollmentWrite, WriteMode } from '../domain/enrollment-write.ts'
import { refusalInCourse } from '../domain/write-rules.ts'
import { bindBatch, bindRefused, enrollmentsPutDown } from './audit-batches.ts'
import { readRows, type Slice, type Stored, turnOf, writeRows } from './statements.ts'

/** A learner whose row was not written, with what there is to say about why. */
export type UnwrittenLearner = {
  readonly studentKey: string
  readonly inProgram: boolean
  /** Active in the run by way of another program of the organization, while `active` is wanted here. */
  readonly activeByAnotherProgram: boolean
}

/** The enrollments in one course run by way of one program. */
export type CourseEnrollmentList = { programUuid: string; courseKey: string }

export type CourseEnrollmentStore = {
  /**
   * Writes rows of different learners in one statement, which puts down what came of them and of those that are refused. Returns those
   * that were not written.
   */
  write(
    batch: AuditedBatch & { courseKey: string; mode: WriteMode },
    rows: readonly EnrollmentWrite[],
    refused: readonly RefusedWrite[],
  ): Promise<UnwrittenLearner[]>
  read(list: CourseEnrollmentList, slice: Slice): Promise<Stored<CourseEnrollment>[]>
}

export function createCourseEnrollmentStore(database: Sequelize): CourseEnrollmentStore {
  return {
    async write(batch, rows, refused) {
      const left = await writeRows<UnwrittenRow>(database, writeStatements[batch.mode], {
        studentKeys: rows.map(({ studentKey }) => studentKey),
        statuses: rows.map(({ status }) => status),
        courseStaff: rows.map((row) => row.courseStaff ?? null),
        ...bindRefusals(batch.mode),
        ...bindBatch(batch),
        ...bindRefused(refused),
      })
      return left.map((row) => ({
        studentKey: row.student_key,
        inProgram: row.in_program,
        activeByAnotherProgram: row.active_by_another_program,
      }))
    },

    async read({ programUuid, courseKey }, { after, count }) {
      const bind = { programUuid, courseKey, after, count }
      const rows = await readRows<ReadRow>(database, readStatement, bind)
      return rows.map((row) => ({
        id: row.id,
        studentKey: row.student_key,
        status: row.status,
        accountExists: row.account_exists,
        courseStaff: row.course_staff,
      }))
    },
  }
}

/** The words for learners who are not written. */
function bindRefusals(mode: WriteMode) {
  const refusal = (activeByAnotherProgram: boolean, inProgram: boolean) =>
    refusalInCourse({ activeByAnotherProgram, inProgram }, mode)
  return {
    ifActiveElsewhere: refusal(true, true),
    ifNotInProgram: refusal(false, false),
    otherwise: refusal(false, true),
  }
}

type UnwrittenRow = { student_key: string; in_program: boolean; active_by_another_program: boolean }
type ReadRow = {
  id: string
  student_key: string
  status: string
  account_exists: boolean
  course_staff: boolean
}

// Scalar subqueries: a join or an `exists` could be planned as a scan of the whole program, or worse, for each batch.
const asked = `
  asked as materialized (
    select i.*,
      coalesce((
        select true from program_enrollments p
        where p.program_uuid = $programUuid::uuid and p.student_key = i.student_key collate "C"),
        false) as in_program,
      i.status = 'active' and coalesce((
        select true from course_enrollments o
        where o.organization_id = $organizationId::uuid and o.course_key = $courseKey
          and o.student_key = i.student_key collate "C" and o.status = 'active'
          and o.program_uuid <> $programUuid::uuid),
        false) as active_by_another_program,
      coalesce((
        select true from course_enrollments e
        where e.program_uuid = $programUuid::uuid and e.course_key = $courseKey
          and e.student_key = i.student_key collate "C"),
        false) as present
    from unnest($studentKeys::text[], $statuses::text[], $courseStaff::boolean[])
      as i (student_key, status, course_staff))`

const admission = 'in_program and not active_by_another_program'

function insertion(condition: string): string {
  return `
  insert into course_enrollments as e
    (program_uuid, course_key, organization_id, student_key, status, course_staff)
  select $programUuid::uuid, $courseKey, $organizationId::uuid, k.student_key, k.status, k.course_staff
  from turn, asked k where ${condition} order by k.student_key collate "C"`
}

// A row that is as wanted already is left alone.
const replacement = `
  on conflict (program_uuid, course_key, student_key) do update
  set status = excluded.status, previous_status = e.status,
    course_staff = coalesce(excluded.course_staff, e.course_staff), previous_course_staff = e.course_staff,
    organization_id = excluded.organization_id, updated = now()
  where (e.status, e.course_staff)
    is distinct from (excluded.status, coalesce(excluded.course_staff, e.course_staff))`

function writeStatement(inserting: string, left: string): string {
  return `
  with ${turnOf(`'course_enrollments ' || $programUuid::text || ' ' || $courseKey::text`)}, ${asked},
  written as (${inserting}
    returning student_key, previous_status, status, previous_course_staff, course_staff),
  unwritten as materialized (
    select *, case when active_by_another_program then $ifActiveElsewhere::text when not in_program then $ifNotInProgram::text
      else $otherwise::text end as refusal
    from asked where ${left}),
  ${enrollmentsPutDown}
  select student_key, in_program, active_by_another_program from unwritten`
}

const writeStatements: Record<WriteMode, string> = {
  // No conflict target: a rival who makes the learner active by another program meanwhile is a conflict as well.
  create: writeStatement(
    `${insertion(admission)} on conflict do nothing`,
    'student_key not in (select w.student_key from written w)',
  ),
  update: writeStatement(
    `${insertion(`${admission} and present`)} ${replacement}`,
    `not (${admission} and present)`,
  ),
  'create-or-update': writeStatement(`${insertion(admission)} ${replacement}`, `not (${admission})`),
}

const readStatement = `
  select c.id, c.student_key, c.status, coalesce(c.course_staff, false) as course_staff,
    coalesce((
      select p.username is not null from program_enrollments p
      where p.program_uuid = c.program_uuid and p.student_key = c.student_key), false) as account_exists
  from course_enrollments c
  where c.program_uuid = $programUuid::uuid and c.course_key = $courseKey and c.id > $after::bigint
  order by c.id limit $count::int`
