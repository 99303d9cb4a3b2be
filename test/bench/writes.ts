import { callRest } from '../fixtures/rest.ts'
import { type BenchContext, connectDatabase } from './context.ts'
import { type Row, timeRuns } from './measure.ts'

const RUNS = 200

/** `POST` of 25 learners beside the statements that it makes in the enrollment tables, straight on pg. */
export async function measureWrites(context: BenchContext): Promise<Row[]> {
  const { system, school, token } = context
  const url = `${system.addresses.gateway}/api/v1/programs/${school.masters.key}/enrollments`
  const learners = (name: string) =>
    Array.from({ length: 25 }, (_, index) => ({ student_key: `${name}-${index}`, status: 'enrolled' }))
  const ours = await timeRuns(RUNS, async (run) => {
    const { status, text } = await callRest(url, { method: 'POST', token, body: learners(`ours-${run}`) })
    if (status !== 200) throw new Error(`${status}: ${text}`)
  })

  const database = await connectDatabase(context, 'enrollment')
  const floor = await timeRuns(RUNS, (run) => {
    const rows = learners(`floor-${run}`)
    return database.query(writeStatement, [
      school.masters.uuid,
      rows.map((row) => row.student_key),
      rows.map((row) => row.status),
    ])
  })
  await database.end()
  return [
    {
      work: 'POST 25 enrollments, 1 connection',
      ours: `${(ours * 1000).toFixed(1)} ms`,
      floor: `${(floor * 1000).toFixed(1)} ms (insert and history on pg)`,
      ratio: (ours / floor).toFixed(1),
    },
  ]
}

// What the local backend runs for a POST: the rows, and the history of what was done.
const writeStatement = `
  with input as materialized (
    select i.*, (select true from program_enrollments p where p.program_uuid = $1::uuid and p.student_key = i.student_key) as present
    from unnest($2::text[], $3::text[]) as i (student_key, status)),
  written as (
    insert into program_enrollments (program_uuid, student_key, status, curriculum_uuid)
    select $1::uuid, student_key, status, $1::uuid from input order by student_key
    on conflict (program_uuid, student_key) do nothing returning student_key, status),
  recorded as (
    insert into enrollment_history (program_uuid, student_key, status, author_kind, author, request_id)
    select $1::uuid, student_key, status, 'user', 'bench', 'bench' from written)
  select student_key from input where student_key not in (select w.student_key from written w)`
