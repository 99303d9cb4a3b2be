import { randomUUID } from 'node:crypto'
import { readdir } from 'node:fs/promises'
import { join } from 'node:path'
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest'
import { Reason } from '#kit/errors.ts'
import { reasonOf } from '#kit/rpc-errors.ts'
import { JobKind, JobState } from '#proto/registrar/jobs/v1/job_pb.ts'
import { type JobsClient, readResult, startTestStack, type TestStack, waitForJob } from './testing/stack.ts'

let stack: TestStack
let client: JobsClient
const kind = JobKind.LIST_PROGRAM_ENROLLMENTS

beforeAll(async () => {
  stack = await startTestStack({ JOB_PART_ROWS: '2000' })
  stack.peers.programs.set('masters', {
    ...{ id: randomUUID(), discoveryUuid: randomUUID(), organizationKey: 'school', courses: {} },
  })
})
afterAll(() => stack.stop())
beforeEach(() => {
  client = stack.as('partner')
  Object.assign(stack.peers.enrollment, { rows: 5_000, pageDelayMs: 0, failures: [] })
})

async function start(): Promise<string> {
  const { job } = await client.createReadJob({ kind, programKey: 'masters' })
  return job?.id as string
}

/** Starts a job that takes long and waits until it is in its second part. */
async function startLong(): Promise<string> {
  Object.assign(stack.peers.enrollment, { rows: 100_000, pageDelayMs: 400 })
  const id = await start()
  await waitForJob(client, id, ({ progress }) => (progress?.rowsDone ?? 0n) >= 3_000n)
  return id
}

async function workflowStatus(id: string): Promise<string> {
  return (await (await stack.temporal.client()).workflow.getHandle(id).describe()).status.name
}

test('a job that is accepted while Temporal is away runs when it is back', async () => {
  await stack.temporal.pause()
  const ids = [await start(), await start(), await start()]
  const waiting = await client.getJob({ id: ids[0] })
  expect(waiting.job?.state).toBe(JobState.PENDING)
  const cancelled = await client.cancelJob({ id: ids[2] })
  expect(cancelled.job?.state).toBe(JobState.CANCELED)
  await stack.temporal.resume()
  for (const id of ids.slice(0, 2)) {
    expect(await waitForJob(client, id)).toMatchObject({ state: JobState.SUCCEEDED })
    expect(JSON.parse(await readResult(client, id))).toHaveLength(5_000)
  }
  expect(await client.getJob({ id: ids[2] })).toMatchObject({ job: { state: JobState.CANCELED } })
})

test('a job that was accepted by a service that died before it could start it runs all the same', async () => {
  const id = randomUUID()
  await stack.sql(
    `insert into jobs (id, kind, owner_id, username, program_id, program_key, organization_key, format,
       include_accounts, include_course_staff)
     values ($1, 'ListProgramEnrollments', $2, 'partner', $3, 'masters', 'school', 'json', false, false)`,
    [id, stack.peers.users.get('partner')?.id, randomUUID()],
  )
  expect(await waitForJob(client, id)).toMatchObject({ state: JobState.SUCCEEDED })
})

test('a job is started once, however often that is tried', async () => {
  const id = await start()
  await waitForJob(client, id)
  await stack.sql("update jobs set state = 'PENDING', ended_at = null, checked_at = 'epoch' where id = $1", [
    id,
  ])
  // Its workflow has ended and is not run again: the job ends with it.
  expect(await waitForJob(client, id)).toMatchObject({
    state: JobState.FAILED,
    failure: { reason: 'INTERNAL' },
  })
})

test('a job is cancelled, in Temporal too, and leaves nothing in the storage', async () => {
  const id = await startLong()
  await client.cancelJob({ id })
  expect(await waitForJob(client, id)).toMatchObject({ state: JobState.CANCELED })
  expect((await client.getJob({ id })).job?.resultUrl).toBeUndefined()
  await expect.poll(() => workflowStatus(id)).toBe('CANCELLED')
  const files = await readdir(join(stack.mediaDir, 'registrar', 'job-results'))
  expect(files.filter((name) => name.startsWith(id))).toEqual([])
  const error = await client.cancelJob({ id }).catch((thrown: unknown) => thrown)
  expect(reasonOf(error)).toBe(Reason.JOB_ENDED)
})

test('a job is cancelled in its first part', async () => {
  Object.assign(stack.peers.enrollment, { rows: 100_000, pageDelayMs: 700 })
  const id = await start()
  await waitForJob(client, id, ({ state }) => state === JobState.IN_PROGRESS)
  await client.cancelJob({ id })
  expect(await waitForJob(client, id)).toMatchObject({ state: JobState.CANCELED })
})

test('a job whose workflow is cancelled or terminated in Temporal is cancelled', async () => {
  const [first, second] = [await startLong(), await startLong()]
  const temporal = await stack.temporal.client()
  await temporal.workflow.getHandle(first).cancel()
  await temporal.workflow.getHandle(second).terminate('an operator said so')
  expect(await waitForJob(client, first)).toMatchObject({ state: JobState.CANCELED })
  expect(await waitForJob(client, second)).toMatchObject({ state: JobState.CANCELED })
})

test('owner, superuser and operator may cancel a job; who reads all jobs may not', async () => {
  const id = await startLong()
  const reader = stack.as('reader', { readsAllJobs: true })
  const error = await reader.cancelJob({ id }).catch((thrown: unknown) => thrown)
  expect(reasonOf(error)).toBe(Reason.PERMISSION_DENIED)
  await stack.operator.cancelJob({ id })
  await waitForJob(client, id)
  const next = await startLong()
  await stack.as('root', { superuser: true }).cancelJob({ id: next })
  expect(await waitForJob(client, next)).toMatchObject({ state: JobState.CANCELED })
})

test('operators see in Temporal what a job is about', async () => {
  const id = await start()
  await waitForJob(client, id)
  const temporal = await stack.temporal.client()
  const about = await temporal.workflow.getHandle(id).describe()
  expect(about).toMatchObject({ type: 'ListProgramEnrollments', taskQueue: 'registrar-jobs' })
  expect(await about.staticSummary()).toBe('Program enrollments of masters, JSON')
  expect(await about.staticDetails()).toContain('`masters` of `school`')
})
