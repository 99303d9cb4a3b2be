import { execFile } from 'node:child_process'
import { randomUUID } from 'node:crypto'
import { promisify } from 'node:util'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { JobKind, JobState } from '#proto/registrar/jobs/v1/job_pb.ts'
import { findTemporalBinary } from '#stack/temporal-binary.ts'
import { type JobsClient, startTestStack, type TestStack, waitForJob } from '../testing/stack.ts'

let stack: TestStack
let client: JobsClient

beforeAll(async () => {
  stack = await startTestStack({ JOB_PART_ROWS: '2000', TEMPORAL_WORKER_BUILD_ID: 'first' })
  stack.peers.programs.set('masters', {
    ...{ id: randomUUID(), discoveryUuid: randomUUID(), organizationKey: 'school', courses: {} },
  })
  client = stack.as('partner')
})
afterAll(() => stack.stop())

async function start(): Promise<string> {
  const { job } = await client.createReadJob({
    kind: JobKind.LIST_PROGRAM_ENROLLMENTS,
    programKey: 'masters',
  })
  return job?.id as string
}

async function makeCurrent(buildId: string): Promise<void> {
  const binary = await findTemporalBinary({ env: process.env, log: () => {} })
  const set = ['worker', 'deployment', 'set-current-version', '--yes', '--address', stack.temporal.address]
  await promisify(execFile)(binary, [...set, '--deployment-name', 'registrar-jobs', '--build-id', buildId], {
    env: { HOME: stack.mediaDir },
  })
}

async function buildOf(id: string): Promise<string | undefined> {
  const temporal = await stack.temporal.client()
  const { raw } = await temporal.workflow.getHandle(id).describe()
  return raw.workflowExecutionInfo?.versioningInfo?.deploymentVersion?.buildId ?? undefined
}

test('a build gets jobs when it is made current, and a job that is at work goes over to the next one', async () => {
  Object.assign(stack.peers.enrollment, { rows: 5_000, pageDelayMs: 0 })
  const waiting = await start()
  await makeCurrent('first')
  expect(await waitForJob(client, waiting)).toMatchObject({ state: JobState.SUCCEEDED })
  expect(await buildOf(waiting)).toBe('first')

  Object.assign(stack.peers.enrollment, { rows: 60_000, pageDelayMs: 500 })
  const atWork = await start()
  await waitForJob(client, atWork, ({ progress }) => (progress?.rowsDone ?? 0n) >= 2_000n)
  const first = stack.worker()
  await stack.startWorker({ TEMPORAL_WORKER_BUILD_ID: 'second' })
  await makeCurrent('second')
  stack.peers.enrollment.pageDelayMs = 0
  first.kill('SIGTERM')
  expect(await waitForJob(client, atWork)).toMatchObject({ state: JobState.SUCCEEDED })
  expect(await buildOf(atWork)).toBe('second')
})
