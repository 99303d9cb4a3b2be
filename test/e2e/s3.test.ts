import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import {
  CreateBucketCommand,
  DeleteBucketCommand,
  ListObjectsV2Command,
  PutObjectCommand,
  S3Client,
} from '@aws-sdk/client-s3'
import { create } from '@bufbuild/protobuf'
import { DurationSchema } from '@bufbuild/protobuf/wkt'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { startSeaweedfs, type TestS3 } from '#stack/seaweedfs.ts'
import { callRest, followJob, type JobStatus } from '../fixtures/rest.ts'
import { createSchool, type School } from '../fixtures/school.ts'
import { patience, startTestStack, type TestStack } from '../fixtures/stack.ts'
import { connectWorld, type World } from '../fixtures/world.ts'

const prefix = 'schools/live/'

let folder: string
let s3: TestS3
let client: S3Client
let system: TestStack
let world: World
let school: School
let token: string
let program: string

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'registrar-s3-'))
  s3 = await startSeaweedfs(folder)
  client = new S3Client({ ...s3, forcePathStyle: true })
  for (const Bucket of ['registrar', 'program-reports'])
    await client.send(new CreateBucketCommand({ Bucket }))
  system = await startTestStack({ ...s3.env, S3_KEY_PREFIX: prefix, JOB_PART_ROWS: '400' })
  world = await connectWorld(system.addresses)
  school = await createSchool(world)
  await school.enroll(school.masters, 1_000)
  token = await school.partner('organization_read_write_enrollments')
  program = `${system.addresses.gateway}/api/v1/programs/${school.masters.key}`
}, 120_000 * patience)

afterAll(async () => {
  await system?.close()
  client?.destroy()
  await s3?.stop()
  await rm(folder, { recursive: true, force: true })
})

async function keys(): Promise<string[]> {
  const { Contents = [] } = await client.send(new ListObjectsV2Command({ Bucket: 'registrar' }))
  return Contents.map(({ Key = '' }) => Key)
}

async function endOf(
  accepted: { status: number; body: unknown; text: string },
  withinMs?: number,
): Promise<JobStatus> {
  if (accepted.status !== 202) throw new Error(`${accepted.status}: ${accepted.text}`)
  return followJob((accepted.body as { job_url: string }).job_url, token, withinMs)
}

test('a read’s result lies in S3, whole, and is fetched from there by a link made for each answer', async () => {
  const job = await endOf(await callRest(`${program}/enrollments?fmt=csv`, { token }))
  expect(job).toMatchObject({ state: 'Succeeded', text: null })

  const link = new URL(job.result ?? '')
  expect(link.origin).toBe(s3.endpoint)
  expect(link.pathname).toBe(`/registrar/${prefix}job-results/${job.job_id}.csv`)
  const download = await fetch(link)
  expect(download.headers.get('content-type')).toBe('text/csv; charset=utf-8')
  expect(download.headers.get('content-disposition')).toBe(`attachment; filename="${job.job_id}.csv"`)
  expect((await download.text()).split('\r\n')).toHaveLength(1_002)

  link.search = ''
  expect((await fetch(link)).status).toBe(403)
  expect(await keys()).toEqual([`${prefix}job-results/${job.job_id}.csv`])
})

test('an upload goes through S3, row by row', async () => {
  const form = new FormData()
  const csv = 'student_key,status\nlearner-000000,suspended\nsomebody-new,enrolled\n'
  form.append('file', new Blob([csv]), 'enrollments.csv')
  const job = await endOf(
    await callRest(`${program}/enrollments/upload`, { method: 'POST', token, body: form }),
  )
  expect(job).toMatchObject({ state: 'Succeeded', text: '200' })
  expect((await (await fetch(job.result ?? '')).text()).split('\r\n')).toEqual([
    'student_key,status',
    'learner-000000,suspended',
    'somebody-new,enrolled',
    '',
  ])
  expect(await keys()).toContain(`${prefix}uploads/${job.job_id}.json`)
})

test('reports are listed with links to S3, in the order of their names', async () => {
  const where = `${prefix}reports_v2/${school.key}/${school.masters.uuid.replaceAll('-', '')}`
  for (const name of ['b__2021-02-03.csv', 'a__2021-01-02.csv', 'deeper/c__2021-01-02.csv', 'undated.csv']) {
    const object = { Bucket: 'program-reports', Key: `${where}/${name}`, Body: name }
    await client.send(new PutObjectCommand(object))
  }
  const reader = await school.partner('organization_read_reports')
  const { status, body } = await callRest(`${program}/reports`, { token: reader })
  expect(status).toBe(200)
  const reports = body as { name: string; created_date: string; download_url: string }[]
  expect(reports.map(({ name, created_date: date }) => [name, date])).toEqual([
    ['a__2021-01-02.csv', '2021-01-02'],
    ['b__2021-02-03.csv', '2021-02-03'],
  ])
  expect(await (await fetch(reports[0]?.download_url ?? '')).text()).toBe('a__2021-01-02.csv')
})

test('while S3 is away a job waits, says so, and ends well when S3 is back', async () => {
  s3.process.kill('SIGKILL')
  const accepted = await callRest(`${program}/enrollments?fmt=csv`, { token })
  const { job_url: url } = accepted.body as { job_url: string }
  const stateOf = async () => ((await callRest(url, { token })).body as JobStatus).state
  await expect.poll(stateOf, { timeout: 30_000 }).toBe('Retrying')
  const job = await endOf(accepted, 120_000)
  expect(job.state).toBe('Succeeded')
  expect((await (await fetch(job.result ?? '')).text()).split('\r\n')).toHaveLength(1_003)
}, 150_000)

test('a purge leaves nothing of a job in S3', async () => {
  const job = await endOf(await callRest(`${program}/enrollments`, { token }))
  expect((await fetch(job.result ?? '')).status).toBe(200)
  const olderThan = create(DurationSchema, { seconds: 0n })
  expect((await world.operator.jobs.purgeJobs({ olderThan })).purged).toBeGreaterThanOrEqual(3)
  expect(await keys()).toEqual([])
  expect((await fetch(job.result ?? '')).status).toBe(404)
})

test('a bucket that refuses fails the job with a reason that a partner can read, and the next one works', async () => {
  await client.send(new DeleteBucketCommand({ Bucket: 'registrar' }))
  const job = await endOf(await callRest(`${program}/enrollments`, { token }), 90_000)
  expect(job).toMatchObject({ state: 'Failed', result: null, text: 'The storage refuses (NoSuchBucket).' })
  const { job: told } = await world.operator.jobs.getJob({ id: job.job_id })
  expect(told).toMatchObject({ attempt: 5, failure: { reason: 'STORAGE_REFUSED' } })

  await client.send(new CreateBucketCommand({ Bucket: 'registrar' }))
  expect(await endOf(await callRest(`${program}/enrollments`, { token }))).toMatchObject({
    state: 'Succeeded',
  })
}, 120_000)
