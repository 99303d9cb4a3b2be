import { randomUUID } from 'node:crypto'
import { Client, Connection } from '@temporalio/client'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { findFreePorts } from '#stack/ports.ts'
import { specOf } from '#stack/programs.ts'
import { supervise } from '#stack/supervise.ts'
import { callRest, followJob, type JobStatus } from '../fixtures/rest.ts'
import { createSchool, type School } from '../fixtures/school.ts'
import { patience, startTestStack, type TestStack } from '../fixtures/stack.ts'
import { connectWorld } from '../fixtures/world.ts'

const learners = 2_000
const jobsAtOnce = 60

let system: TestStack
let school: School
let token: string
let second: Second
let gateways: [string, string]
let connection: Connection

/** The second worker and the second gateway. */
type Second = {
  workerPid(): number | undefined
  kill(): void
  restarted(): Promise<unknown>
  stop?(): Promise<void>
}

const silent = { log() {}, output() {} }

beforeAll(async () => {
  system = await startTestStack({ JOB_PART_ROWS: '500' })
  school = await createSchool(await connectWorld(system.addresses))
  await school.enroll(school.masters, learners)
  token = await school.partner('organization_read_write_enrollments')

  ;[second, gateways] = system.stack.parts.includes('gateway-2') ? ofTheStack() : await startSecond()
  connection = await Connection.connect({ address: `127.0.0.1:${system.stack.settings.temporalPort}` })
}, 120_000 * patience)

afterAll(async () => {
  await connection?.close()
  await second?.stop?.()
  await system?.close()
})

function ofTheStack(): [Second, [string, string]] {
  const { stack } = system
  const parts = ['jobs-worker-2', 'gateway-2'] as const
  return [
    {
      workerPid: () => stack.pid('jobs-worker-2'),
      kill: () => parts.forEach((part) => void stack.kill(part, 'SIGKILL')),
      restarted: () => Promise.all(parts.map((part) => stack.restarted(part))),
    },
    stack.gateways as [string, string],
  ]
}

async function startSecond(): Promise<[Second, [string, string]]> {
  const { env, settings } = system.stack
  const worker = await supervise(specOf('jobs-worker', settings, env), silent)
  const [port = 0] = await findFreePorts(1)
  const beside = { ...settings, listen: { ...settings.listen, gateway: { host: '127.0.0.1', port } } }
  const gateway = await supervise(specOf('gateway', beside, { ...env, GATEWAY_PORT: String(port) }), silent)
  const both = [worker, gateway]
  return [
    {
      workerPid: () => worker.pid,
      kill: () => both.forEach((each) => void each.kill('SIGKILL')),
      restarted: () => Promise.all(both.map((each) => each.restarted())),
      stop: async () => void (await Promise.all(both.map((each) => each.stop()))),
    },
    [system.addresses.gateway, `http://127.0.0.1:${port}`],
  ]
}

const enrollments = (at: string) => `${at}/api/v1/programs/${school.masters.key}/enrollments`

/** Asks both gateways in turn; the urls of the jobs, at the first gateway. */
async function startReads(count: number): Promise<string[]> {
  return Promise.all(
    Array.from({ length: count }, async (_, index) => {
      const { status, body, text } = await callRest(`${enrollments(gateways[index % 2] ?? '')}?fmt=csv`, {
        token,
      })
      if (status !== 202) throw new Error(`${status}: ${text}`)
      return (body as { job_url: string }).job_url
    }),
  )
}

async function expectWhole(jobs: readonly JobStatus[]): Promise<void> {
  for (const job of jobs) {
    expect(job).toMatchObject({ state: 'Succeeded' })
    const lines = (await (await fetch(job.result ?? '')).text()).trimEnd().split('\r\n')
    expect([lines.length, new Set(lines).size]).toEqual([learners + 1, learners + 1])
  }
}

function idOf(jobUrl: string): string {
  return new URL(jobUrl).pathname.split('/').findLast((part) => part !== '') ?? ''
}

/** Which workers had a hand in a job, by their process ids. */
async function workersOf(jobId: string): Promise<number[]> {
  const { workflow } = new Client({ connection })
  const { events = [] } = await workflow.getHandle(jobId).fetchHistory()
  const identities = (events ?? []).map((event) => event.workflowTaskCompletedEventAttributes?.identity)
  return identities.flatMap((identity) => (identity ? [Number.parseInt(identity, 10)] : []))
}

function formOf(csv: string): FormData {
  const form = new FormData()
  form.append('file', new Blob([csv]), 'enrollments.csv')
  return form
}

function upload(at: string, key: string, csv: string) {
  const headers = { 'idempotency-key': key }
  return callRest(`${enrollments(at)}/upload`, { method: 'POST', token, headers, body: formOf(csv) })
}

test('two gateways serve, and two workers share the jobs', async () => {
  const jobUrls = await startReads(jobsAtOnce)
  await expectWhole(await Promise.all(jobUrls.map((url) => followJob(url, token))))

  const done = new Map<number, number>()
  for (const jobUrl of jobUrls) {
    for (const pid of new Set(await workersOf(idOf(jobUrl)))) done.set(pid, (done.get(pid) ?? 0) + 1)
  }
  expect([...done.keys()].toSorted()).toEqual(
    [system.stack.pid('jobs-worker'), second.workerPid()].toSorted(),
  )
  // Far from all at one of them; it is no race that has to end in a tie.
  for (const jobs of done.values()) expect(jobs).toBeGreaterThan(jobsAtOnce / 10)
}, 120_000)

test('an idempotency key means the same to both gateways', async () => {
  const csv = 'student_key,status\nlearner-000000,enrolled\n'
  const key = randomUUID()
  const answers = await Promise.all(
    Array.from({ length: 10 }, (_, index) => upload(gateways[index % 2] ?? '', key, csv)),
  )
  expect(new Set(answers.map(({ status }) => status))).toEqual(new Set([202]))
  const jobUrls = new Set(answers.map(({ body }) => (body as { job_url: string }).job_url))
  expect(jobUrls.size).toBe(1)
  for (const jobUrl of jobUrls) await followJob(jobUrl, token)

  const write = (at: string) =>
    callRest(enrollments(at), {
      ...{ method: 'PATCH', token, headers: { 'idempotency-key': `write ${key}` } },
      body: [{ student_key: 'learner-000001', status: 'enrolled' }],
    })
  const [first, second] = [await write(gateways[0]), await write(gateways[1])]
  expect([first.status, second.status]).toEqual([200, 200])
  expect([first, second].map(({ headers }) => headers.get('idempotency-replayed'))).toEqual([null, 'true'])
}, 60_000)

test.each([
  ['second', 0],
  ['first', 1],
] as const)(
  'the %s gateway and worker killed with -9: the others go on, and nothing is lost',
  async (which, other) => {
    const jobUrls = await startReads(jobsAtOnce)

    const { stack } = system
    const back =
      which === 'second' ? [second.restarted()] : [stack.restarted('jobs-worker'), stack.restarted('gateway')]
    if (which === 'second') second.kill()
    else {
      stack.kill('jobs-worker', 'SIGKILL')
      stack.kill('gateway', 'SIGKILL')
    }

    const at = gateways[other]
    const jobs = jobUrls.map((jobUrl) => followJob(`${at}/api/v1/jobs/${idOf(jobUrl)}`, token, 90_000))
    await expectWhole(await Promise.all(jobs))
    await Promise.all(back)
  },
  150_000,
)
