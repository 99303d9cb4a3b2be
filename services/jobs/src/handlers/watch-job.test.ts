import { randomUUID } from 'node:crypto'
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest'
import { Reason } from '#kit/errors.ts'
import { createRpcClient } from '#kit/rpc-client.ts'
import { reasonOf } from '#kit/rpc-errors.ts'
import { type Job, JobKind, JobState, ResultFormat } from '#proto/registrar/jobs/v1/job_pb.ts'
import { JobsService } from '#proto/registrar/jobs/v1/jobs_service_pb.ts'
import { type JobsClient, readResult, startTestStack, type TestStack, waitForJob } from '../testing/stack.ts'

let stack: TestStack
let client: JobsClient
let worker: JobsClient
const kind = JobKind.LIST_PROGRAM_ENROLLMENTS

beforeAll(async () => {
  stack = await startTestStack({ JOB_PART_ROWS: '2000' })
  stack.peers.programs.set('masters', {
    ...{ id: randomUUID(), discoveryUuid: randomUUID(), organizationKey: 'school', courses: {} },
  })
  worker = createRpcClient(JobsService, stack.url, { token: () => stack.tokens.mintService('jobs-worker') })
})
afterAll(() => stack.stop())
beforeEach(() => {
  client = stack.as('partner')
  Object.assign(stack.peers.enrollment, { rows: 3, pageDelayMs: 0, failures: [] })
})

async function start(format?: ResultFormat): Promise<string> {
  const { job } = await client.createReadJob({ kind, programKey: 'masters', format })
  return job?.id as string
}

/** A job that is at work until it is told otherwise. */
async function startLong(format?: ResultFormat): Promise<string> {
  Object.assign(stack.peers.enrollment, { rows: 100_000, pageDelayMs: 400 })
  const id = await start(format)
  await waitForJob(client, id, ({ state }) => state === JobState.IN_PROGRESS)
  return id
}

async function watch(watcher: JobsClient, id: string, seen: Job[] = []): Promise<Job[]> {
  for await (const { job } of watcher.watchJob({ id }, { timeoutMs: 60_000 })) if (job) seen.push(job)
  return seen
}

async function refusal(work: Promise<unknown>): Promise<Reason | undefined> {
  return work.then(
    () => undefined,
    (error: unknown) => reasonOf(error),
  )
}

async function workflowStatus(id: string): Promise<string> {
  return (await (await stack.temporal.client()).workflow.getHandle(id).describe()).status.name
}

test('a watcher sees a job as it is, as it changes, and how it ends', async () => {
  Object.assign(stack.peers.enrollment, { rows: 9_000, pageDelayMs: 200 })
  const jobs = await watch(client, await start())
  expect(jobs[0]?.state).not.toBe(JobState.SUCCEEDED)
  expect(jobs.map(({ state }) => state)).toContain(JobState.IN_PROGRESS)
  expect(jobs.at(-1)).toMatchObject({ state: JobState.SUCCEEDED, progress: { rowsDone: 9_000n } })
  const rows = jobs.map(({ progress }) => Number(progress?.rowsDone))
  expect(rows).toEqual(rows.toSorted((a, b) => a - b))
  expect(new Set(jobs.map(({ updateTime }) => `${updateTime?.seconds}.${updateTime?.nanos}`)).size).toBe(
    jobs.length,
  )
})

test('a job that has ended is told once; one of nobody and one of somebody else are not told', async () => {
  const id = await start()
  await waitForJob(client, id)
  expect(await watch(client, id)).toMatchObject([{ state: JobState.SUCCEEDED }])
  expect(await watch(stack.operator, id)).toHaveLength(1)
  expect(await refusal(watch(client, randomUUID()))).toBe(Reason.JOB_NOT_FOUND)
  expect(await refusal(watch(stack.as('stranger'), id))).toBe(Reason.PERMISSION_DENIED)
  expect(await refusal(watch(worker, id))).toBe(Reason.PERMISSION_DENIED)
})

test('many watchers of many jobs all see the end, also those who came at the same instant', async () => {
  const ids = await Promise.all([startLong(), startLong(), startLong()])
  const watching = ids.flatMap((id) => [watch(client, id), watch(stack.operator, id)])
  for (const id of ids) await client.cancelJob({ id })
  for (const jobs of await Promise.all(watching)) expect(jobs.at(-1)?.state).toBe(JobState.CANCELED)
})

test('a watch ends when the job is removed', async () => {
  const id = await startLong()
  const seen: Job[] = []
  const watching = refusal(watch(client, id, seen))
  await expect.poll(() => seen.length).toBeGreaterThan(0)
  await stack.sql('delete from jobs where id = $1', [id])
  expect(await watching).toBe(Reason.JOB_NOT_FOUND)
})

test('a watcher that leaves is not waited for', async () => {
  const id = await startLong()
  for await (const { job } of client.watchJob({ id })) if (job !== undefined) break
  await client.cancelJob({ id })
  expect(await waitForJob(client, id)).toMatchObject({ state: JobState.CANCELED })
})

test('a posted success is the job’s result, and its workflow ends as it did', async () => {
  const id = await startLong(ResultFormat.CSV)
  const content = Buffer.from('student_key,status,account_exists\r\n')
  const { job } = await worker.postJobSuccess({ id, content, text: '204' })
  expect(job).toMatchObject({ state: JobState.SUCCEEDED, text: '204' })
  expect(job?.resultUrl).toMatch(/\.csv\?/)
  expect(await readResult(client, id)).toBe(content.toString())
  await expect.poll(() => workflowStatus(id), { timeout: 10_000 }).toBe('COMPLETED')
  expect(await client.getJob({ id })).toMatchObject({ job: { state: JobState.SUCCEEDED, text: '204' } })
  expect(await readResult(client, id)).toBe(content.toString())
})

test('a posted failure tells its reason, and its workflow ends by it', async () => {
  const id = await startLong()
  const failure = { reason: 'LMS_CLOSED', message: 'The LMS is closed today.' }
  const { job } = await stack.operator.postJobFailure({ id, ...failure })
  expect(job).toMatchObject({ state: JobState.FAILED, failure, text: failure.message })
  await expect.poll(() => workflowStatus(id), { timeout: 10_000 }).toBe('FAILED')
  expect(await client.getJob({ id })).toMatchObject({ job: { state: JobState.FAILED, failure } })
})

test('of several outcomes the first counts', async () => {
  const id = await startLong()
  const posts = Array.from({ length: 6 }, (_, n) =>
    n % 2 === 0
      ? worker.postJobSuccess({ id, content: Buffer.from(`${n}`) })
      : worker.postJobFailure({ id, reason: `NUMBER_${n}`, message: `${n}` }),
  )
  const outcomes = await Promise.allSettled(posts)
  const first = outcomes.flatMap((outcome) => (outcome.status === 'fulfilled' ? [outcome.value.job] : []))
  expect(first).toHaveLength(1)
  for (const outcome of outcomes) {
    if (outcome.status === 'rejected') expect(reasonOf(outcome.reason)).toBe(Reason.JOB_ENDED)
  }
  expect((await client.getJob({ id })).job?.state).toBe(first[0]?.state)
  expect(await refusal(worker.postJobSuccess({ id }))).toBe(Reason.JOB_ENDED)
})

test('only processes of the system post outcomes, and only such as can be shown', async () => {
  const id = await startLong()
  const root = stack.as('root', { superuser: true })
  expect(await refusal(root.postJobSuccess({ id }))).toBe(Reason.PERMISSION_DENIED)
  expect(await refusal(client.postJobFailure({ id, reason: 'X', message: 'x' }))).toBe(
    Reason.PERMISSION_DENIED,
  )
  for (const bad of [
    { reason: '', message: 'x' },
    { reason: 'lower', message: 'x' },
    { reason: 'A'.repeat(65), message: 'x' },
    { reason: 'X', message: ' ' },
    { reason: 'X', message: 'x'.repeat(1_001) },
    { reason: 'X', message: 'a\0b' },
  ]) {
    expect(await refusal(worker.postJobFailure({ id, ...bad }))).toBe(Reason.INVALID_ARGUMENT)
  }
  expect(await refusal(worker.postJobSuccess({ id, text: 'x'.repeat(1_001) }))).toBe(Reason.INVALID_ARGUMENT)
  const content = new Uint8Array(16 * 1024 * 1024 + 1)
  expect(await refusal(worker.postJobSuccess({ id, content }))).toBe(Reason.TOO_LARGE)
  expect(await refusal(worker.postJobSuccess({ id: randomUUID() }))).toBe(Reason.JOB_NOT_FOUND)
  expect((await client.getJob({ id })).job?.state).toBe(JobState.IN_PROGRESS)
  expect((await worker.postJobSuccess({ id, content: content.subarray(1) })).job?.state).toBe(
    JobState.SUCCEEDED,
  )
})
