import { setTimeout as sleep } from 'node:timers/promises'
import type pg from 'pg'
import { specOf } from '#stack/programs.ts'
import { supervise } from '#stack/supervise.ts'
import { callRest } from '../fixtures/rest.ts'
import { createSchool } from '../fixtures/school.ts'
import { type BenchContext, connectDatabase } from './context.ts'
import { median, type Row } from './measure.ts'

const rowsOfJob = 1_000
const rounds = 3

/** Many jobs asked for at once, with one worker and with two, beside the same reads straight on the database. */
export async function measureJobBursts(context: BenchContext): Promise<Row[]> {
  const { system, isFull } = context
  const school = await createSchool(context.world)
  const token = await school.partner('organization_read_enrollments')
  await school.enroll(school.masters, rowsOfJob)
  const url = `${system.addresses.gateway}/api/v1/programs/${school.masters.key}/enrollments`
  const [jobs, enrollment] = [
    await connectDatabase(context, 'jobs'),
    await connectDatabase(context, 'enrollment'),
  ]
  const rows: Row[] = []
  const measure = async (workers: string, count: number) => {
    const floor = await readStraight(enrollment, school.masters.uuid, count)
    const bursts = await repeat(() => burst(jobs, url, token, count))
    const done = median(bursts.map(({ doneAfter }) => doneAfter))
    const accepted = median(bursts.map(({ acceptedAfter }) => acceptedAfter))
    rows.push({
      work: `${count.toLocaleString('en')} read jobs of 1,000 rows at once, ${workers}`,
      ours: `${done.toFixed(2)} s, ${(count / done).toFixed(0)} jobs/s; all accepted after ${accepted.toFixed(2)} s${toldOf(bursts)}`,
      floor: `${floor.toFixed(2)} s (a select each)`,
      ratio: (done / floor).toFixed(1),
    })
  }
  const counts = isFull ? [100, 1_000] : [100]
  await burst(jobs, url, token, 20)
  for (const count of counts) await measure('one worker', count)
  const { env, settings } = system.stack
  const second = await supervise(specOf('jobs-worker', settings, env), { log() {}, output() {} })
  try {
    await burst(jobs, url, token, 20)
    for (const count of counts) await measure('two workers', count)
  } finally {
    await second.stop()
    await jobs.end()
    await enrollment.end()
  }
  return rows
}

async function repeat<T>(work: () => Promise<T>): Promise<T[]> {
  const results: T[] = []
  for (let round = 0; round < rounds; round++) results.push(await work())
  return results
}

/** Seconds until all were accepted and until all have succeeded, which the database is asked for: to follow them all would be a load. */
async function burst(database: pg.Client, url: string, token: string, count: number) {
  const beganAt = performance.now()
  const seconds = () => (performance.now() - beganAt) / 1_000
  let repeats = 0
  const ask = async () => {
    for (; ; repeats++) {
      const { status, headers, body, text } = await callRest(url, { token })
      if (status === 202) return (body as { job_id: string }).job_id
      if (![502, 503, 504].includes(status)) throw new Error(`${status}: ${text}`)
      await sleep(Number(headers.get('retry-after') ?? 1) * 1_000)
    }
  }
  const ids = await Promise.all(Array.from({ length: count }, ask))
  const acceptedAfter = seconds()
  for (;;) {
    const { rows } = await database.query<{ state: string }>(
      `select distinct state from jobs where id = any($1) and state <> 'SUCCEEDED'`,
      [ids],
    )
    if (rows.length === 0) return { acceptedAfter, doneAfter: seconds(), repeats }
    if (rows.some(({ state }) => state === 'FAILED' || state === 'CANCELED')) throw new Error('a job failed')
    await sleep(10)
  }
}

/** What the gateway was too busy for at first. */
function toldOf(bursts: { repeats: number }[]): string {
  const repeats = bursts.reduce((sum, each) => sum + each.repeats, 0)
  return repeats === 0 ? '' : `; ${repeats} requests of ${bursts.length} rounds sent again`
}

async function readStraight(database: pg.Client, programUuid: string, count: number): Promise<number> {
  const statement = 'select student_key, status from program_enrollments where program_uuid = $1 order by id'
  const beganAt = performance.now()
  for (let job = 0; job < count; job++) await database.query(statement, [programUuid])
  return (performance.now() - beganAt) / 1_000
}
