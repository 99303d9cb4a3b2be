import { randomUUID } from 'node:crypto'
import { once } from 'node:events'
import type { Client } from '@temporalio/client'
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest'
import { DomainError, Reason } from '#kit/errors.ts'
import { type Job, JobKind, JobState } from '#proto/registrar/jobs/v1/job_pb.ts'
import { taskQueue } from './temporal/names.ts'
import { resetWorkflow } from './testing/resets.ts'
import { type JobsClient, readResult, startTestStack, type TestStack, waitForJob } from './testing/stack.ts'

// What operators do with the workflows of jobs in Temporal, and what becomes of the jobs.

let stack: TestStack
let client: JobsClient
let temporal: Client
const kind = JobKind.LIST_PROGRAM_ENROLLMENTS
const refused = new DomainError(Reason.PERMISSION_DENIED, 'The LMS does not let us.')

beforeAll(async () => {
  stack = await startTestStack({ JOB_PART_ROWS: '2000' })
  stack.peers.programs.set('masters', {
    ...{ id: randomUUID(), discoveryUuid: randomUUID(), organizationKey: 'school', courses: {} },
  })
  temporal = await stack.temporal.client()
})
afterAll(() => stack.stop())
beforeEach(() => {
  client = stack.as('partner')
  Object.assign(stack.peers.enrollment, { rows: 5_000, pageDelayMs: 0, failures: [] })
})

async function read(): Promise<string> {
  const { job } = await client.createReadJob({ kind, programKey: 'masters' })
  return job?.id as string
}

async function upload(): Promise<string> {
  const content = Buffer.from('student_key,status\ns-1,enrolled\n')
  const { job } = await client.createUploadJob({
    ...{ kind: JobKind.WRITE_PROGRAM_ENROLLMENTS, programKey: 'masters', content },
  })
  return job?.id as string
}

async function statusOf(id: string): Promise<string> {
  return (await temporal.workflow.getHandle(id).describe()).status.name
}

/** Waits until both say what they should, and says that it did so in time. */
async function agree(id: string, state: JobState, status: string): Promise<Job> {
  const job = await waitForJob(client, id, (each) => each.state === state)
  await expect.poll(() => statusOf(id), { timeout: 10_000 }).toBe(status)
  return job
}

async function stopWorker(): Promise<void> {
  const stopped = stack.worker()
  stopped.kill('SIGTERM')
  await once(stopped, 'exit')
}

test('a school’s failed jobs are found by program, school, user and kind', async () => {
  stack.peers.enrollment.failures = [refused]
  const id = await read()
  await agree(id, JobState.FAILED, 'FAILED')
  const user = stack.peers.users.get('partner')?.id
  const query = `RegistrarOrganizationKey = 'school' AND RegistrarProgramKey = 'masters' AND RegistrarUser = '${user}'
    AND RegistrarJobKind = 'ListProgramEnrollments' AND ExecutionStatus = 'Failed' AND WorkflowId = '${id}'`
  await expect.poll(async () => (await temporal.workflow.count(query)).count).toBe(1)
})

test('a workflow shows what it is about, how far it is and why it failed', async () => {
  Object.assign(stack.peers.enrollment, { rows: 100_000, pageDelayMs: 300 })
  const id = await read()
  await waitForJob(client, id, ({ progress }) => (progress?.rowsDone ?? 0n) >= 3_000n)
  const handle = temporal.workflow.getHandle(id)
  const about = await handle.describe()
  expect(await about.staticSummary()).toBe('Program enrollments of masters, JSON')
  expect(await about.staticDetails()).toContain('`masters` of `school`')
  const { currentDetails } = await handle.query<{ currentDetails: string }>('__temporal_workflow_metadata')
  expect(currentDetails).toMatch(/^\*\*\d+\*\* rows read in \d+ parts\. Part \d+ is at work\.$/)
  const { events } = await handle.fetchHistory()
  const summaries = (events ?? []).map(({ userMetadata }) => Buffer.from(userMetadata?.summary?.data ?? []))
  expect(summaries.map(String)).toContain('"Read part 2, from row 2001"')
  stack.peers.enrollment.failures = [refused]
  await agree(id, JobState.FAILED, 'FAILED')
  await expect(handle.result()).rejects.toMatchObject({
    cause: { type: 'PERMISSION_DENIED', message: 'The LMS does not let us.' },
  })
})

test('a failed job whose workflow is reset runs again to its end', async () => {
  stack.peers.enrollment.failures = [refused]
  const id = await read()
  await agree(id, JobState.FAILED, 'FAILED')
  await resetWorkflow(temporal, id)
  const job = await agree(id, JobState.SUCCEEDED, 'COMPLETED')
  expect(job.failure).toBeUndefined()
  expect(JSON.parse(await readResult(client, id))).toHaveLength(5_000)
})

test('a job that is reset to its middle makes the parts anew that went with its failure', async () => {
  Object.assign(stack.peers.enrollment, { rows: 9_000, pageDelayMs: 200 })
  const id = await read()
  await waitForJob(client, id, ({ progress }) => (progress?.rowsDone ?? 0n) >= 6_000n)
  stack.peers.enrollment.failures = [refused]
  await agree(id, JobState.FAILED, 'FAILED')
  stack.peers.enrollment.pageDelayMs = 0
  // Behind the failure: the run fails by it again.
  const again = await resetWorkflow(temporal, id, -1)
  await expect(temporal.workflow.getHandle(id, again).result()).rejects.toMatchObject({
    cause: { type: 'PERMISSION_DENIED' },
  })
  await agree(id, JobState.FAILED, 'FAILED')
  await resetWorkflow(temporal, id, 2)
  await agree(id, JobState.SUCCEEDED, 'COMPLETED')
  const rows = JSON.parse(await readResult(client, id)) as { student_key: string }[]
  expect(rows.map(({ student_key }) => student_key)).toEqual(
    Array.from({ length: 9_000 }, (_, n) => `student-${n}`),
  )
})

test.each(['cancel', 'terminate'] as const)(
  'a job that was ended by %s and is reset runs again',
  async (end) => {
    Object.assign(stack.peers.enrollment, { rows: 50_000, pageDelayMs: 300 })
    const id = await read()
    await waitForJob(client, id, ({ progress }) => (progress?.rowsDone ?? 0n) >= 3_000n)
    await temporal.workflow.getHandle(id)[end]()
    await agree(id, JobState.CANCELED, end === 'cancel' ? 'CANCELLED' : 'TERMINATED')
    Object.assign(stack.peers.enrollment, { rows: 5_000, pageDelayMs: 0 })
    await resetWorkflow(temporal, id)
    await agree(id, JobState.SUCCEEDED, 'COMPLETED')
    expect(JSON.parse(await readResult(client, id))).toHaveLength(5_000)
  },
)

test('a job that is reset while it runs goes on in the new run', async () => {
  Object.assign(stack.peers.enrollment, { rows: 10_000, pageDelayMs: 200 })
  const id = await read()
  await waitForJob(client, id, ({ progress }) => (progress?.rowsDone ?? 0n) >= 3_000n)
  await resetWorkflow(temporal, id)
  await agree(id, JobState.SUCCEEDED, 'COMPLETED')
  expect(JSON.parse(await readResult(client, id))).toHaveLength(10_000)
})

test('a job that succeeded stays so when its workflow is reset', async () => {
  const id = await read()
  await agree(id, JobState.SUCCEEDED, 'COMPLETED')
  const first = await readResult(client, id)
  await resetWorkflow(temporal, id)
  await agree(id, JobState.SUCCEEDED, 'COMPLETED')
  expect(await readResult(client, id)).toBe(first)
})

test('an upload that is reset takes the lock again, and fails with a word when another has it', async () => {
  stack.peers.enrollment.failures = [refused]
  const failed = await upload()
  await agree(failed, JobState.FAILED, 'FAILED')
  stack.peers.enrollment.pageDelayMs = 2_500
  const other = await upload()
  await resetWorkflow(temporal, failed)
  await expect.poll(() => statusOf(failed), { timeout: 10_000 }).toBe('FAILED')
  await expect(temporal.workflow.getHandle(failed).result()).rejects.toMatchObject({
    cause: { type: 'WRITE_IN_PROGRESS' },
  })
  expect(await client.getJob({ id: failed })).toMatchObject({
    job: { state: JobState.FAILED, failure: { reason: 'WRITE_IN_PROGRESS' } },
  })
  await agree(other, JobState.SUCCEEDED, 'COMPLETED')

  // While it runs again nobody else may write.
  await resetWorkflow(temporal, failed)
  await waitForJob(client, failed, ({ state }) => state === JobState.IN_PROGRESS)
  await expect(upload()).rejects.toThrow('Job already in progress for program')
  stack.peers.enrollment.pageDelayMs = 0
  await agree(failed, JobState.SUCCEEDED, 'COMPLETED')
  expect(await readResult(client, failed)).toBe('student_key,status\r\ns-1,enrolled\r\n')
})

test('a job that is reset while no worker runs waits as an open one', async () => {
  stack.peers.enrollment.failures = [refused]
  const id = await read()
  await agree(id, JobState.FAILED, 'FAILED')
  await stopWorker()
  await resetWorkflow(temporal, id)
  await agree(id, JobState.PENDING, 'RUNNING')
  await stack.startWorker()
  await agree(id, JobState.SUCCEEDED, 'COMPLETED')
})

test('a job that is cancelled while no worker runs leaves no workflow that waits', async () => {
  await stopWorker()
  const id = await read()
  await expect.poll(() => statusOf(id).catch(() => 'MISSING'), { timeout: 10_000 }).toBe('RUNNING')
  await client.cancelJob({ id })
  await agree(id, JobState.CANCELED, 'TERMINATED')
  await stack.startWorker()
})

test('a job whose workflow times out in Temporal fails by its time limit', async () => {
  const id = randomUUID()
  const start = { taskQueue, workflowId: id, workflowRunTimeout: '1 second', args: [] } as const
  await stopWorker()
  await temporal.workflow.start('ListProgramEnrollments', start)
  await stack.sql(
    `insert into jobs (id, kind, owner_id, username, program_id, program_key, organization_key, format,
       include_accounts, include_course_staff)
     values ($1, 'ListProgramEnrollments', $2, 'partner', $3, 'masters', 'school', 'json', false, false)`,
    [id, stack.peers.users.get('partner')?.id, randomUUID()],
  )
  const job = await agree(id, JobState.FAILED, 'TIMED_OUT')
  expect(job.failure?.reason).toBe('TIME_LIMIT')
  await stack.startWorker()
})

test('a workflow without a job is terminated; one that is not of a job is left alone', async () => {
  await stopWorker()
  const [id, other] = [randomUUID(), randomUUID()]
  await temporal.workflow.start('ListProgramEnrollments', { taskQueue, workflowId: id })
  await temporal.workflow.start('PurgeExpired', { taskQueue, workflowId: other })
  await expect.poll(() => statusOf(id), { timeout: 10_000 }).toBe('TERMINATED')
  expect(await statusOf(other)).toBe('RUNNING')
  await temporal.workflow.getHandle(other).terminate()
  await stack.startWorker()
})
