import { randomUUID } from 'node:crypto'
import { once } from 'node:events'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { JobKind, JobState } from '#proto/registrar/jobs/v1/job_pb.ts'
import { type JobsClient, startTestStack, type TestStack, waitForJob } from './testing/stack.ts'

let stack: TestStack
let client: JobsClient

beforeAll(async () => {
  // Three parts for each job: two of them wait in a queue for themselves.
  stack = await startTestStack({ JOB_PART_ROWS: '2000', JOBS_WORKER_CONCURRENCY: '2' })
  for (const school of ['crowd', 'lone', 'late']) {
    stack.peers.programs.set(school, {
      ...{ id: randomUUID(), discoveryUuid: randomUUID(), organizationKey: school, courses: {} },
    })
  }
  stack.peers.enrollment.rows = 5_000
  client = stack.as('partner')
})
afterAll(() => stack.stop())

async function start(programKey: string): Promise<string> {
  const { job } = await client.createReadJob({ kind: JobKind.LIST_PROGRAM_ENROLLMENTS, programKey })
  return job?.id as string
}

async function countEnded(programKey: string): Promise<number> {
  const [row] = await stack.sql<{ count: number }>(
    `select count(*)::int from jobs where program_key = $1 and state = 'SUCCEEDED'`,
    [programKey],
  )
  return row?.count ?? 0
}

test('one school’s 500 jobs do not hold up another school’s one', async () => {
  const worker = stack.worker()
  worker.kill('SIGTERM')
  await once(worker, 'exit')
  for (let batch = 0; batch < 50; batch++) {
    await Promise.all(Array.from({ length: 10 }, () => start('crowd')))
  }
  const lone = await start('lone')
  const temporal = await stack.temporal.client()
  const countRunning = async () => (await temporal.workflow.count(`ExecutionStatus = 'Running'`)).count
  await expect.poll(countRunning, { timeout: 30_000 }).toBe(501)

  await stack.startWorker()
  expect(await waitForJob(client, lone)).toMatchObject({ state: JobState.SUCCEEDED })
  const before = await countEnded('crowd')
  // Who comes when the queue has been long for a while takes turns, too.
  await expect.poll(() => countEnded('crowd'), { timeout: 30_000 }).toBeGreaterThan(before + 20)
  const atLate = await countEnded('crowd')
  expect(await waitForJob(client, await start('late'))).toMatchObject({ state: JobState.SUCCEEDED })
  const after = await countEnded('crowd')

  expect({ before, during: after - atLate }).toSatisfy(
    ({ before, during }: { before: number; during: number }) => before < 50 && during < 50,
  )
})
