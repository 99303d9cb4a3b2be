import { setTimeout as sleep } from 'node:timers/promises'
import { to as copyTo } from 'pg-copy-streams'
import { WriteMode } from '#proto/registrar/enrollment/v1/enrollment_write_pb.ts'
import type { PartName } from '#stack/stack.ts'
import { callRest } from '../fixtures/rest.ts'
import { createSchool, type TestProgram } from '../fixtures/school.ts'
import { type BenchContext, connectDatabase } from './context.ts'
import { peakMemory, type Row, resetPeakMemory, timeRuns } from './measure.ts'

const measured: PartName[] = ['jobs-worker', 'enrollment', 'gateway']

/** Read jobs from their 202 to Succeeded, with the peak memory of who takes part, beside COPY of the same rows. */
export async function measureReadJobs(context: BenchContext): Promise<Row[]> {
  const sizes: [count: number, runs: number][] = [
    [1, 20],
    [1_000, 20],
    [10_000, 10],
    [100_000, 3],
    [1_000_000, 3],
  ]
  const rows: Row[] = []
  for (const [count, runs] of sizes) rows.push(await measureSize(context, count, runs))
  return rows
}

async function measureSize(context: BenchContext, count: number, runs: number): Promise<Row> {
  const { system, world } = context
  const school = await createSchool(world)
  const token = await school.partner('organization_read_enrollments')
  await fill(context, school.masters, count)
  const url = `${system.addresses.gateway}/api/v1/programs/${school.masters.key}/enrollments`

  const pids = measured.map((part) => [part, system.stack.pid(part) ?? 0] as const)
  for (const [, pid] of pids) resetPeakMemory(pid)
  let seconds = 0
  for (const format of ['json', 'csv']) {
    const taken = await timeRuns(runs, () => runJob(`${url}?fmt=${format}`, token))
    if (format === 'json') seconds = taken
  }
  const memory = pids.map(([part, pid]) => `${part} ${peakMemory(pid).toFixed(0)}`).join(', ')

  const database = await connectDatabase(context, 'enrollment')
  const statement = `copy (select student_key, status, username is not null from program_enrollments
    where program_uuid = '${school.masters.uuid}' order by id) to stdout with (format csv)`
  const floor = await timeRuns(runs, async () => {
    for await (const _ of database.query(copyTo(statement)));
  })
  await database.end()
  return {
    work: `read job, ${count.toLocaleString('en')} rows (JSON)`,
    ours: `${seconds.toFixed(3)} s; peak MiB: ${memory}`,
    floor: `${floor.toFixed(3)} s (COPY … TO STDOUT)`,
    ratio: (seconds / floor).toFixed(1),
  }
}

/** From the answer 202 to the state Succeeded, asking every 5 ms; returns the job's URL. */
export async function runJob(url: string, token: string): Promise<string> {
  const { status, body, text } = await callRest(url, { token })
  if (status !== 202) throw new Error(`${status}: ${text}`)
  const { job_url: jobUrl } = body as { job_url: string }
  for (;;) {
    const { body: job } = await callRest(jobUrl, { token })
    const { state } = job as { state: string }
    if (state === 'Succeeded') return jobUrl
    if (state === 'Failed' || state === 'Canceled') throw new Error(`the job is ${state}`)
    await sleep(5)
  }
}

/** Enrolls so many learners in a program that has none. */
export async function fill(
  { world }: Pick<BenchContext, 'world'>,
  program: TestProgram,
  count: number,
): Promise<void> {
  const batch = 20_000
  for (let first = 0; first < count; first += batch) {
    const enrollments = Array.from({ length: Math.min(batch, count - first) }, (_, index) => ({
      studentKey: `learner-${String(first + index).padStart(8, '0')}`,
      status: 'enrolled',
    }))
    await world.operator.enrollment.writeProgramEnrollments({
      programKey: program.key,
      mode: WriteMode.CREATE,
      enrollments,
    })
  }
}
