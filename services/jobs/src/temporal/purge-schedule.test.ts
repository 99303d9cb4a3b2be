import { randomUUID } from 'node:crypto'
import { mkdir, utimes, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import type { ScheduleDescription, Client as TemporalClient } from '@temporalio/client'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { Reason } from '#kit/errors.ts'
import { reasonOf } from '#kit/rpc-errors.ts'
import { JobKind, JobState } from '#proto/registrar/jobs/v1/job_pb.ts'
import { partKeyOf, uploadKeyOf } from '../domain/object-keys.ts'
import type { Purged, Retention } from '../domain/retention.ts'
import { type JobsClient, readResult, startTestStack, type TestStack, waitForJob } from '../testing/stack.ts'
import { purgeScheduleId } from './names.ts'

const retention = { RESULT_RETENTION_DAYS: '3', UPLOAD_RETENTION_DAYS: '2', JOB_RETENTION_DAYS: '9' }
const day = 86_400_000
const part = { part: 0, name: '0badcafe', before: '' }

let stack: TestStack
let partner: JobsClient
let temporal: TemporalClient

beforeAll(async () => {
  stack = await startTestStack(retention)
  stack.peers.programs.set('masters', {
    ...{ id: randomUUID(), discoveryUuid: randomUUID(), organizationKey: 'school', courses: {} },
  })
  partner = stack.as('partner')
  temporal = await stack.temporal.client()
})
afterAll(() => stack.stop())

const describeSchedule = () =>
  temporal.schedule
    .getHandle(purgeScheduleId)
    .describe()
    .catch(() => undefined)

function retentionOf(about: ScheduleDescription | undefined): Retention | undefined {
  return (about?.action as { args?: Retention[] } | undefined)?.args?.[0]
}

/** Has the schedule run now, and waits for what it removed. */
async function purge(): Promise<Purged> {
  const taken = (await describeSchedule())?.info.numActionsTaken ?? 0
  await temporal.schedule.getHandle(purgeScheduleId).trigger()
  await expect
    .poll(async () => (await describeSchedule())?.info.numActionsTaken, { timeout: 20_000 })
    .toBe(taken + 1)
  const last = (await describeSchedule())?.info.recentActions.at(-1)?.action
  return await temporal.workflow.getHandle(last?.workflow.workflowId ?? '').result()
}

async function createJob(kind: 'read' | 'upload', endedDaysAgo: number): Promise<string> {
  const { job } =
    kind === 'read'
      ? await partner.createReadJob({ kind: JobKind.LIST_PROGRAM_ENROLLMENTS, programKey: 'masters' })
      : await partner.createUploadJob({
          kind: JobKind.WRITE_PROGRAM_ENROLLMENTS,
          programKey: 'masters',
          content: Buffer.from('student_key,status\ns-1,enrolled\n'),
        })
  const { id, state } = await waitForJob(partner, job?.id)
  expect(state).toBe(JobState.SUCCEEDED)
  await stack.sql(`update jobs set ended_at = ended_at - make_interval(hours => $2) where id = $1`, [
    id,
    endedDaysAgo * 24 + 1,
  ])
  return id
}

async function leave(key: string, daysAgo: number): Promise<void> {
  const path = join(stack.mediaDir, 'registrar', key)
  await mkdir(dirname(path), { recursive: true })
  await writeFile(path, 'left')
  const at = new Date(Date.now() - daysAgo * day)
  await utimes(path, at, at)
}

const uploadOf = async (id: string) => {
  const [row] = await stack.sql<{ gone: boolean }>(
    'select upload_removed_at is not null as gone from jobs where id = $1',
    [id],
  )
  return row?.gone
}

test('the schedule says what it does, and starts no second removal beside one', async () => {
  await expect.poll(describeSchedule, { timeout: 20_000 }).toBeDefined()
  const about = await describeSchedule()
  expect(about?.policies.overlap).toBe('SKIP')
  expect(about?.spec.intervals?.[0]?.every).toBe(3_600_000)
  expect(retentionOf(about)).toEqual({ resultDays: 3, uploadDays: 2, jobDays: 9 })
})

test('what is older than its time is removed, job by job, and counted', async () => {
  const fresh = await createJob('read', 1)
  const withoutResult = await createJob('read', 4)
  const withoutUpload = await createJob('upload', 2)
  const old = await createJob('upload', 10)
  const [dead, unknown] = [randomUUID(), randomUUID()]
  await leave(partKeyOf(dead, part), 2)
  await leave(partKeyOf(fresh, part), 0)
  await leave(uploadKeyOf(unknown), 1.5)
  await leave(`job-results/.${randomUUID()}`, 2)
  await leave(`job-results/.${randomUUID()}`, 0)
  await leave('job-results/by-hand.json', 99)

  expect(await purge()).toEqual({ results: 2, uploads: 2, jobs: 1, leftovers: 2 })

  expect(await readResult(partner, fresh)).not.toBe('')
  const { job } = await partner.getJob({ id: withoutResult })
  expect(job).toMatchObject({ state: JobState.SUCCEEDED })
  expect(job?.resultUrl).toBeUndefined()
  const error = await readResult(partner, withoutResult).catch((thrown: unknown) => thrown)
  expect(reasonOf(error)).toBe(Reason.RESULT_NOT_READY)
  expect(await uploadOf(withoutUpload)).toBe(true)
  expect(await readResult(partner, withoutUpload)).not.toBe('')
  const gone = await partner.getJob({ id: old }).catch((thrown: unknown) => thrown)
  expect(reasonOf(gone)).toBe(Reason.JOB_NOT_FOUND)

  expect(await purge()).toEqual({ results: 0, uploads: 0, jobs: 0, leftovers: 0 })
})

test('another service that starts brings the schedule up to date, and leaves it paused', async () => {
  const schedule = temporal.schedule.getHandle(purgeScheduleId)
  await schedule.pause('while we look into something')
  await stack.startService({ ...retention, JOB_RETENTION_DAYS: '0' })
  await expect
    .poll(
      async () => {
        const about = await describeSchedule()
        return [retentionOf(about)?.jobDays, about?.state.paused]
      },
      { timeout: 20_000 },
    )
    .toEqual([0, true])
})
