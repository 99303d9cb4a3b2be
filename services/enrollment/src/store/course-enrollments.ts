import type { Sequelize } from 'sequelize'
import type { CourseEnrollment } from '../domain/enrollment.ts'
import type { EnrollmentWrite, WriteMode } from '../domain/enrollment-write.ts'
import type { Author } from '../domain/program.ts'
import {
  bindAuthor,
  readRows,
  recordedFrom,
  type Slice,
  type Stored,
  turnOf,
  writeRows,
} from './statements.ts'

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
  /** Writes rows of different learners in one statement, with history. Returns those that were not written. */
  write(
    at: CourseEnrollmentList & { organizationId: string },
    mode: WriteMode,
    rows: readonly EnrollmentWrite[],
    author: Author,
  ): Promise<UnwrittenLearner[]>
  read(list: CourseEnrollmentList, slice: Slice): Promise<Stored<CourseEnrollment>[]>
}

export function createCourseEnrollmentStore(database: Sequelize): CourseEnrollmentStore {
  return {
    async write({ programUuid, courseKey, organizationId }, mode, rows, author) {
      const left = await writeRows<UnwrittenRow>(database, writeStatements[mode], {
        programUuid,
        courseKey,
        organizationId,
        studentKeys: rows.map(({ studentKey }) => studentKey),
        statuses: rows.map(({ status }) => status),
        courseStaff: rows.map((row) => row.courseStaff ?? null),
        ...bindAuthor(author),
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

type UnwrittenRow = { student_key: string; in_program: boolean; active_by_another_program: boolean }
type ReadRow = {
  id: string
  student_key: string
  status: string
  account_exists: boolean
  course_staff: boolean
}

// Scalar subqueries: a join or an `exists` could be planned as a scan of the whole program, or worse, for each batch.
const known = `
  known as materialized (
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
  from turn, known k where ${condition} order by k.student_key collate "C"`
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
  with ${turnOf(`'course_enrollments ' || $programUuid::text || ' ' || $courseKey::text`)}, ${known},
  written as (${inserting}
    returning student_key, previous_status, status, previous_course_staff, course_staff),
  ${recordedFrom('written', '$courseKey')}
  select student_key, in_program, active_by_another_program from known where ${left}`
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
