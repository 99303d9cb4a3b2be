import type { Sequelize } from 'sequelize'
import type { AuditedBatch } from '../domain/audited-batch.ts'
import type { CourseGrade } from '../domain/course-grade.ts'
import { batchDone, bindBatch, rowColumns } from './audit-batches.ts'
import type { CourseEnrollmentList } from './course-enrollments.ts'
import { readRows, type Slice, type Stored, turnOf, writeRows } from './statements.ts'

export type CourseGradeStore = {
  /** Different learners each; replaces earlier grades. Returns how many are in the run by way of the program. */
  record(batch: AuditedBatch & { courseKey: string }, grades: readonly CourseGrade[]): Promise<number>
  /** Only of learners who have accounts. */
  read(list: CourseEnrollmentList, slice: Slice): Promise<Stored<CourseGrade>[]>
}

export function createCourseGradeStore(database: Sequelize): CourseGradeStore {
  return {
    async record(batch, grades) {
      const columns = grades.map(columnsOf)
      const [found] = await writeRows<{ count: number }>(database, recordStatement, {
        ...bindBatch(batch),
        studentKeys: grades.map(({ studentKey }) => studentKey),
        letterGrades: columns.map(({ letter_grade }) => letter_grade),
        percents: columns.map(({ percent }) => percent),
        passed: columns.map(({ passed }) => passed),
        errors: columns.map(({ error }) => error),
      })
      return found?.count ?? 0
    },

    async read({ programUuid, courseKey }, { after, count }) {
      const bind = { programUuid, courseKey, after, count }
      return (await readRows<ReadRow>(database, readStatement, bind)).map(gradeOf)
    },
  }
}

type GradeColumns = {
  letter_grade: string | null
  percent: string | null
  passed: boolean | null
  error: string | null
}
type ReadRow = GradeColumns & { id: string; student_key: string }

function columnsOf(grade: CourseGrade): GradeColumns {
  if ('error' in grade) return { letter_grade: null, percent: null, passed: null, error: grade.error }
  const { letterGrade, percent, passed } = grade
  return { letter_grade: letterGrade ?? null, percent, passed, error: null }
}

function gradeOf(row: ReadRow): Stored<CourseGrade> {
  const { id, student_key: studentKey, letter_grade: letterGrade, percent, passed, error } = row
  if (error !== null || percent === null || passed === null) return { id, studentKey, error: error ?? '' }
  return { id, studentKey, percent, passed, ...(letterGrade === null ? {} : { letterGrade }) }
}

const recordStatement = `
  with ${turnOf(`'course_grades ' || $programUuid::text || ' ' || $courseKey::text`)},
  found as materialized (
    select i.* from unnest(
      $studentKeys::text[], $letterGrades::text[], $percents::numeric[], $passed::boolean[], $errors::text[])
      as i (student_key, letter_grade, percent, passed, error)
    where (
      select true from course_enrollments c
      where c.program_uuid = $programUuid::uuid and c.course_key = $courseKey
        and c.student_key = i.student_key collate "C")),
  written as (
    insert into course_grades as g
      (program_uuid, course_key, student_key, letter_grade, percent, passed, error)
    select $programUuid::uuid, $courseKey, f.student_key, f.letter_grade, f.percent, f.passed, f.error
    from turn, found f order by f.student_key collate "C"
    on conflict (program_uuid, course_key, student_key) do update
    set letter_grade = excluded.letter_grade, percent = excluded.percent, passed = excluded.passed,
      error = excluded.error, updated = now()),
  ${batchDone({ rows: 'cardinality($studentKeys::text[])', accepted: '(select count(*) from found)' })},
  put_down as (
    insert into audit_rows (${rowColumns})
    select b.id, f.student_key, 'graded', null, null, null, null, null from batch b, found f)
  select count(*)::int as count from found`

// A scalar subquery, so that no more rows are looked at than the slice wants.
const readStatement = `
  select g.id, g.student_key, g.letter_grade, g.percent::text as percent, g.passed, g.error
  from course_grades g
  where g.program_uuid = $programUuid::uuid and g.course_key = $courseKey and g.id > $after::bigint
    and (
      select p.username is not null from program_enrollments p
      where p.program_uuid = g.program_uuid and p.student_key = g.student_key)
  order by g.id limit $count::int`
