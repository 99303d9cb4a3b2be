import type { Sequelize } from 'sequelize'
import type { AuditedBatch, RefusedWrite } from '../domain/audited-batch.ts'
import type { LearnerAccount, ProgramEnrollment } from '../domain/enrollment.ts'
import type { EnrollmentWrite, WriteMode } from '../domain/enrollment-write.ts'
import { refusalInProgram } from '../domain/write-rules.ts'
import { batchDone, bindBatch, bindRefused, enrollmentsPutDown, rowColumns } from './audit-batches.ts'
import { readRows, type Slice, type Stored, turnOf, writeRows } from './statements.ts'

export type ProgramEnrollmentStore = {
  /**
   * Writes rows of different learners in one statement, which puts down what came of them and of those that are refused. Returns the
   * learners whom the mode kept from being written.
   */
  write(
    batch: AuditedBatch & { mode: WriteMode; curriculumUuid: string },
    rows: readonly EnrollmentWrite[],
    refused: readonly RefusedWrite[],
  ): Promise<string[]>
  read(programUuid: string, slice: Slice, accounts: boolean): Promise<Stored<ProgramEnrollment>[]>
  /** Different learners each; an empty username takes the account away. Returns how many are in the program. */
  linkAccounts(batch: AuditedBatch, accounts: readonly LearnerAccount[]): Promise<number>
}

export function createProgramEnrollmentStore(database: Sequelize): ProgramEnrollmentStore {
  return {
    async write({ curriculumUuid, ...batch }, rows, refused) {
      const left = await writeRows<{ student_key: string }>(database, writeStatements[batch.mode], {
        curriculumUuid,
        studentKeys: rows.map(({ studentKey }) => studentKey),
        statuses: rows.map(({ status }) => status),
        refusal: refusalInProgram(batch.mode),
        ...bindBatch(batch),
        ...bindRefused(refused),
      })
      return left.map((row) => row.student_key)
    },

    async read(programUuid, { after, count }, accounts) {
      const statement = accounts ? readWithAccounts : readWithoutAccounts
      const rows = await readRows<ReadRow>(database, statement, { programUuid, after, count })
      return rows.map((row) => ({
        id: row.id,
        studentKey: row.student_key,
        status: row.status,
        accountExists: row.account_exists,
        username: row.username ?? '',
        email: row.email ?? '',
      }))
    },

    async linkAccounts(batch, accounts) {
      const [found] = await writeRows<{ count: number }>(database, linkStatement, {
        ...bindBatch(batch),
        studentKeys: accounts.map(({ studentKey }) => studentKey),
        usernames: accounts.map(({ username }) => username),
        emails: accounts.map(({ email }) => email),
      })
      return found?.count ?? 0
    },
  }
}

type ReadRow = {
  id: string
  student_key: string
  status: string
  account_exists: boolean
  username?: string | null
  email?: string | null
}

// What is there is asked learner by learner, in scalar subqueries: a join could be planned as a scan of the whole program, or
// worse, for each batch. Rows are written in the order of their keys, so that writers of the same learners wait for one another
// but never in a ring.
const asked = `
  asked as materialized (
    select i.*,
      (select true from program_enrollments p
       where p.program_uuid = $programUuid::uuid and p.student_key = i.student_key collate "C") as present
    from unnest($studentKeys::text[], $statuses::text[]) as i (student_key, status))`

function insertion(condition: string): string {
  return `
  insert into program_enrollments as e (program_uuid, student_key, status, curriculum_uuid)
  select $programUuid::uuid, i.student_key, i.status, $curriculumUuid::uuid
  from turn, asked i where ${condition} order by i.student_key collate "C"`
}

// A row that has the status already is left alone, so that a school which uploads its whole roster every day rewrites little.
const replacement = `
  on conflict (program_uuid, student_key) do update
  set status = excluded.status, previous_status = e.status, updated = now()
  where e.status <> excluded.status`

function writeStatement(inserting: string, left: string): string {
  return `
  with ${turnOf(`'program_enrollments ' || $programUuid::text`)}, ${asked},
  written as (${inserting}
    returning student_key, previous_status, status,
      null::boolean as previous_course_staff, null::boolean as course_staff),
  unwritten as materialized (select student_key, status, $refusal::text as refusal from asked where ${left}),
  ${enrollmentsPutDown}
  select student_key from unwritten`
}

const writeStatements: Record<WriteMode, string> = {
  create: writeStatement(
    `${insertion('true')} on conflict (program_uuid, student_key) do nothing`,
    'student_key not in (select w.student_key from written w)',
  ),
  update: writeStatement(`${insertion('present')} ${replacement}`, 'present is null'),
  'create-or-update': writeStatement(`${insertion('true')} ${replacement}`, 'false'),
}

function readStatement(columns: string): string {
  return `
  select id, student_key, status, username is not null as account_exists ${columns}
  from program_enrollments
  where program_uuid = $programUuid::uuid and id > $after::bigint
  order by id limit $count::int`
}
const readWithoutAccounts = readStatement('')
const readWithAccounts = readStatement(', username, email')

// Nobody is made here: every row that is inserted is there. It is the way to change rows by key without a join.
const linkStatement = `
  with input as materialized (
    select p.status, p.curriculum_uuid, i.student_key,
      nullif(i.username, '') as username, case when i.username <> '' then nullif(i.email, '') end as email
    from unnest($studentKeys::text[], $usernames::text[], $emails::text[]) as i (student_key, username, email)
    cross join lateral (
      select status, curriculum_uuid from program_enrollments p
      where p.program_uuid = $programUuid::uuid and p.student_key = i.student_key collate "C" limit 1) p),
  linked as (
    insert into program_enrollments as e (program_uuid, student_key, status, curriculum_uuid, username, email)
    select $programUuid::uuid, student_key, status, curriculum_uuid, username, email
    from input order by student_key collate "C"
    on conflict (program_uuid, student_key) do update
    set username = excluded.username, email = excluded.email, updated = now()
    where (e.username, e.email) is distinct from (excluded.username, excluded.email)),
  ${batchDone({ rows: 'cardinality($studentKeys::text[])', accepted: '(select count(*) from input)' })},
  put_down as (
    insert into audit_rows (${rowColumns})
    select b.id, i.student_key, 'linked', null, null, null, null, null from batch b, input i)
  select count(*)::int as count from input`
