import { setTimeout as sleep } from 'node:timers/promises'
import { createClient } from '@connectrpc/connect'
import { createGrpcTransport } from '@connectrpc/connect-node'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { CatalogService } from '#proto/registrar/catalog/v1/catalog_service_pb.ts'
import { EnrollmentService } from '#proto/registrar/enrollment/v1/enrollment_service_pb.ts'
import { JobsService } from '#proto/registrar/jobs/v1/jobs_service_pb.ts'
import { assertServing } from '#stack/grpc-health.ts'
import { findFreePorts } from '#stack/ports.ts'
import { Run } from '#stack/process-run.ts'
import { specOf } from '#stack/programs.ts'
import { signalTree } from '#stack/running-process.ts'
import { withDatabase } from '../fixtures/chaos-ledger.ts'
import { callRest, followJob } from '../fixtures/rest.ts'
import { createSchool, type School } from '../fixtures/school.ts'
import { startTestStack, type TestStack } from '../fixtures/stack.ts'
import { isServed, type Observation, startSteadyLoad, surprises } from '../fixtures/steady-load.ts'
import { connectWorld } from '../fixtures/world.ts'

const learnerCount = 3_000
const survivors = [
  'access-control',
  'catalog',
  'enrollment',
  'jobs',
  'jobs-worker',
  'gateway',
  'temporal',
] as const

let system: TestStack
let school: School
let token: string
let learners: string[]

beforeAll(async () => {
  system = await startTestStack({ JOB_PART_ROWS: '500' })
  school = await createSchool(await connectWorld(system.addresses))
  learners = await school.enroll(school.masters, learnerCount)
  token = await school.partner('organization_read_write_enrollments')
}, 120_000)

afterAll(() => system?.close())

const pids = () => survivors.map((name) => system.stack.pid(name))
const healthUrl = () => `${system.addresses.gateway}/health`
const services = () => {
  const { accessControl, catalog, enrollment, jobs } = system.addresses
  return [accessControl, catalog, enrollment, jobs].map((url) => new URL(url).host)
}
const transportTo = (baseUrl: string) => createGrpcTransport({ baseUrl, defaultTimeoutMs: 20_000 })

function startLoad(range: [from: number, to: number]) {
  const { gateway, catalog, enrollment, jobs } = system.addresses
  return startSteadyLoad({
    ...{ gateway, token, programKey: school.masters.key, learners: learners.slice(...range), pauseMs: 100 },
    // They repeat nothing.
    clients: {
      catalog: createClient(CatalogService, transportTo(catalog)),
      enrollment: createClient(EnrollmentService, transportTo(enrollment)),
      jobs: createClient(JobsService, transportTo(jobs)),
    },
  })
}

/** Served, or told when to come back: nothing else may happen to a caller. */
function isServedOrAskedBack(one: Observation): boolean {
  return isServed(one) || (['503', 'Unavailable'].includes(one.outcome) && (one.retryAfter ?? 0) > 0)
}

/** Everything says that it is ready, within the five seconds that are promised. */
async function expectReadySoon(): Promise<void> {
  const hosts = services()
  await expect
    .poll(
      async () => {
        const health = await fetch(healthUrl())
        await health.body?.cancel()
        const serving = await Promise.allSettled(hosts.map((host) => assertServing(host)))
        return [health.status, ...serving.map(({ status }) => status)]
      },
      { timeout: 5_000, interval: 100 },
    )
    .toEqual([200, ...hosts.map(() => 'fulfilled')])
}

async function expectNothingServing(): Promise<void> {
  const answers = await Promise.allSettled(services().map((host) => assertServing(host)))
  expect(answers.map((answer) => (answer.status === 'rejected' ? answer.reason.message : 'serves'))).toEqual(
    services().map((host) => `${host} does not serve yet`),
  )
  const health = await fetch(healthUrl())
  expect([health.status, Number(health.headers.get('retry-after')) > 0]).toEqual([503, true])
}

/** What the caller was told once the outage had been noticed: at once, not after waiting for a connection. */
function slowest(seen: readonly Observation[], [from, to]: [number, number]): number {
  return Math.max(...seen.filter(({ sentAt }) => sentAt > from && sentAt < to).map(({ ms }) => ms))
}

async function expectJobsWhole(jobUrls: readonly string[]): Promise<void> {
  expect(jobUrls.length).toBeGreaterThan(0)
  for (const url of jobUrls) {
    const job = await followJob(url, token, 120_000)
    expect(job).toMatchObject({ state: 'Succeeded' })
    const lines = (await (await fetch(job.result ?? '')).text()).trimEnd().split('\r\n')
    expect([lines.length, new Set(lines.map((line) => line.split(',')[0])).size]).toEqual([
      learnerCount + 1,
      learnerCount + 1,
    ])
  }
}

/** Each write that was accepted was done, and once. */
async function expectWrittenOnce(written: readonly string[]): Promise<void> {
  expect(written.length).toBeGreaterThan(0)
  await withDatabase(system.stack.env.DATABASE_URL ?? '', async (database) => {
    const { rows } = await database.query<{ student_key: string; changes: number }>(
      `select student_key, count(*)::int as changes from enrollment.enrollment_changes
       where status = 'suspended' group by 1`,
    )
    const changes = new Map(rows.map((row) => [row.student_key, row.changes]))
    expect(written.filter((learner) => changes.get(learner) !== 1)).toEqual([])
  })
}

test('PostgreSQL that hangs for ten seconds: callers are asked to come back, and all is well after', async () => {
  const before = pids()
  const load = startLoad([0, 1_000])
  await sleep(3_000)
  const postgres = system.stack.pid('postgres') as number
  signalTree(postgres, 'SIGSTOP')
  const stoppedAt = Date.now()
  await sleep(8_000)
  await expectNothingServing()
  await sleep(Math.max(0, stoppedAt + 10_000 - Date.now()))
  const backAt = Date.now()
  signalTree(postgres, 'SIGCONT')
  await expectReadySoon()
  await sleep(3_000)
  await load.stop()

  expect(surprises(load.seen, isServedOrAskedBack)).toEqual([])
  expect(load.seen.some((one) => one.outcome === '503')).toBe(true)
  expect(slowest(load.seen, [stoppedAt + 8_000, backAt])).toBeLessThan(3_000)
  expect(pids()).toEqual(before)
  await expectJobsWhole(load.jobUrls)
  await expectWrittenOnce(load.written)
}, 180_000)

test('PostgreSQL gone for thirty seconds: no process ends, also none that starts meanwhile', async () => {
  const before = pids()
  const load = startLoad([1_000, 3_000])
  await sleep(3_000)
  const { stack } = system
  const back = stack.restarted('postgres')
  back.catch(() => {})
  const letGo = stack.hold('postgres')
  stack.kill('postgres', 'SIGQUIT')
  const goneAt = Date.now()
  await sleep(3_000)

  // One more catalog, started now.
  const [port = 0] = await findFreePorts(1)
  const settings = {
    ...stack.settings,
    listen: { ...stack.settings.listen, catalog: { host: '127.0.0.1', port } },
  }
  const printed: string[] = []
  const waitingLines = () => printed.filter((line) => line.includes('waiting: PostgreSQL at')).length
  const late = new Run(specOf('catalog', settings, { ...stack.env, CATALOG_PORT: String(port) }), {
    log() {},
    output: (_, line) => void printed.push(line),
  })
  try {
    await expect.poll(waitingLines, { timeout: 20_000 }).toBe(1)
    await expectNothingServing()
    await sleep(Math.max(0, goneAt + 30_000 - Date.now()))
    expect([late.hasEnded(), waitingLines()]).toEqual([false, 1])

    const backAt = Date.now()
    letGo()
    await back
    await expectReadySoon()
    await late.untilReady()
    await sleep(3_000)
    await load.stop()
    expect(slowest(load.seen, [goneAt + 1_000, backAt])).toBeLessThan(3_000)
  } finally {
    await late.end()
  }

  expect(surprises(load.seen, isServedOrAskedBack)).toEqual([])
  expect(load.seen.some((one) => one.outcome === '503')).toBe(true)
  expect(pids()).toEqual(before)
  await expectJobsWhole(load.jobUrls)
  await expectWrittenOnce(load.written)
  const { status } = await callRest(`${system.addresses.gateway}/api/v1/programs`, { token })
  expect(status).toBe(200)
}, 240_000)
