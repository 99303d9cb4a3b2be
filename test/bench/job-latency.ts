import { createSchool } from '../fixtures/school.ts'
import { type BenchContext, connectDatabase } from './context.ts'
import { percentile, type Row, timeEach } from './measure.ts'
import { runJob } from './read-jobs.ts'

const runs = 200

/** How long a lone small job takes from its 202 to Succeeded, beside the same rows read by one statement. */
export async function measureJobLatency(context: BenchContext): Promise<Row[]> {
  const rows: Row[] = []
  for (const count of [1, 1_000]) rows.push(await measureSize(context, count))
  return rows
}

async function measureSize(context: BenchContext, count: number): Promise<Row> {
  const school = await createSchool(context.world)
  const token = await school.partner('organization_read_enrollments')
  await school.enroll(school.masters, count)
  const url = `${context.system.addresses.gateway}/api/v1/programs/${school.masters.key}/enrollments`
  const ours = await timeEach(runs, () => runJob(url, token))

  const database = await connectDatabase(context, 'enrollment')
  const statement = `select student_key, status, username is not null from program_enrollments where program_uuid = $1 order by id`
  const floor = await timeEach(runs, () => database.query(statement, [school.masters.uuid]))
  await database.end()
  return {
    work: `read job, ${count.toLocaleString('en')} ${count === 1 ? 'row' : 'rows'}, one at a time`,
    ours: describe(ours),
    floor: `${describe(floor)} (one select)`,
    ratio: (percentile(ours, 0.5) / percentile(floor, 0.5)).toFixed(0),
  }
}

function describe(seconds: number[]): string {
  const ms = (share: number) => (percentile(seconds, share) * 1_000).toFixed(1)
  return `p50 ${ms(0.5)} ms, p99 ${ms(0.99)} ms`
}
