import { randomUUID } from 'node:crypto'
import { readdir } from 'node:fs/promises'
import { join } from 'node:path'
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest'
import { Reason } from '#kit/errors.ts'
import { reasonOf } from '#kit/rpc-errors.ts'
import { JobKind } from '#proto/registrar/jobs/v1/job_pb.ts'
import { type JobsClient, startTestStack, type TestStack, waitForJob } from '../testing/stack.ts'

let stack: TestStack
let client: JobsClient
let programKey: string

beforeAll(async () => {
  stack = await startTestStack()
})
afterAll(() => stack.stop())
beforeEach(() => {
  client = stack.as('partner')
  programKey = makeProgram()
  Object.assign(stack.peers.enrollment, { pageDelayMs: 0, writes: [] })
})

function makeProgram(hasNoCurriculum = false): string {
  const key = `program-${randomUUID()}`
  const ids = { id: randomUUID(), discoveryUuid: randomUUID(), organizationKey: 'school' }
  stack.peers.programs.set(key, { ...ids, courses: {}, hasNoCurriculum })
  return key
}

type Upload = { key?: string; csv?: string; kind?: JobKind; to?: string; by?: JobsClient }
const oneLearner = 'student_key,status\ns1,enrolled\n'

/** The id of the job, and whether the answer says that it was there. */
async function upload({
  key,
  csv = oneLearner,
  kind = JobKind.WRITE_PROGRAM_ENROLLMENTS,
  to = programKey,
  by = client,
}: Upload): Promise<{ id: string; isReplay: boolean }> {
  let isReplay = false
  const { job } = await by.createUploadJob(
    { kind, programKey: to, content: Buffer.from(csv) },
    {
      ...(key !== undefined && { headers: { 'idempotency-key': key } }),
      onHeader: (headers) => {
        isReplay = headers.get('idempotency-replayed') === 'true'
      },
    },
  )
  return { id: job?.id ?? '', isReplay }
}

async function refusalOf(work: Promise<unknown>): Promise<Reason | undefined> {
  return work.then(
    () => undefined,
    (error: unknown) => reasonOf(error),
  )
}

const jobsOf = (program: string) =>
  stack.sql<{ id: string }>('select id from jobs where program_key = $1', [program])

test('uploads with one key at the same instant make one job, and every one is answered with it', async () => {
  stack.peers.enrollment.pageDelayMs = 200
  const key = randomUUID()
  const answers = await Promise.all(Array.from({ length: 50 }, () => upload({ key })))
  const jobs = await jobsOf(programKey)
  expect(jobs).toHaveLength(1)
  expect(new Set(answers.map(({ id }) => id))).toEqual(new Set([jobs[0]?.id]))
  expect(answers.filter(({ isReplay }) => !isReplay)).toHaveLength(1)
  await waitForJob(client, jobs[0]?.id)
  expect(stack.peers.enrollment.writes).toHaveLength(1)
  const files = await readdir(join(stack.mediaDir, 'registrar', 'uploads'))
  expect(files).toContain(`${jobs[0]?.id}.json`)
  expect(await readdirOfJobless(files)).toEqual([])
})

async function readdirOfJobless(files: string[]): Promise<string[]> {
  const known = new Set(
    (await stack.sql<{ id: string }>('select id from jobs')).map(({ id }) => `${id}.json`),
  )
  return files.filter((file) => !known.has(file))
}

test('an upload with the key of one that has ended is answered with that job', async () => {
  const key = randomUUID()
  const first = await upload({ key })
  expect(first.isReplay).toBe(false)
  await waitForJob(client, first.id)
  expect(await upload({ key })).toEqual({ id: first.id, isReplay: true })
  expect(await jobsOf(programKey)).toHaveLength(1)
})

test('without a key each upload is one of its own', async () => {
  const first = await upload({})
  await waitForJob(client, first.id)
  const second = await upload({})
  expect([first.isReplay, second.isReplay]).toEqual([false, false])
  await waitForJob(client, second.id)
  expect(await jobsOf(programKey)).toHaveLength(2)
})

test('another request with the same key is refused, before it is said that an upload is open', async () => {
  stack.peers.enrollment.pageDelayMs = 300
  const key = randomUUID()
  const { id } = await upload({ key })
  for (const other of [
    { csv: 'student_key,status\ns2,enrolled\n' },
    { kind: JobKind.WRITE_COURSE_RUN_ENROLLMENTS },
    { to: makeProgram() },
    { csv: 'no csv' },
  ]) {
    expect(await refusalOf(upload({ key, ...other }))).toBe(Reason.IDEMPOTENCY_KEY_REUSED)
  }
  await waitForJob(client, id)
})

test('the same key of another caller is another key', async () => {
  const key = randomUUID()
  const other = stack.as('other-partner')
  const mine = await upload({ key })
  const theirs = await upload({ key, by: other, to: makeProgram() })
  expect(theirs.isReplay).toBe(false)
  expect(theirs.id).not.toBe(mine.id)
  await Promise.all([waitForJob(client, mine.id), waitForJob(other, theirs.id)])
})

test('what was refused is not remembered', async () => {
  const key = randomUUID()
  expect(await refusalOf(upload({ key, to: 'nowhere' }))).toBe(Reason.PROGRAM_NOT_FOUND)
  expect(await refusalOf(upload({ key, csv: 'student_key\nx' }))).toBe(Reason.CSV_INVALID)
  expect(await refusalOf(upload({ key, to: makeProgram(true) }))).toBe(Reason.NO_ACTIVE_CURRICULUM)
  stack.peers.enrollment.pageDelayMs = 300
  const inTheWay = await upload({})
  expect(await refusalOf(upload({ key }))).toBe(Reason.WRITE_IN_PROGRESS)
  await waitForJob(client, inTheWay.id)
  const { id, isReplay } = await upload({ key })
  expect(isReplay).toBe(false)
  await waitForJob(client, id)
})

test('who may not write any more is told so, not what was answered before', async () => {
  const key = randomUUID()
  const by = stack.as('leaver')
  const { id } = await upload({ key, by })
  await waitForJob(by, id)
  stack.as('leaver', { permissions: [] })
  expect(await refusalOf(upload({ key, by }))).toBe(Reason.PERMISSION_DENIED)
})

test.each(['', 'x'.repeat(256)])('%j is no key', async (key) => {
  expect(await refusalOf(upload({ key }))).toBe(Reason.INVALID_ARGUMENT)
  expect(await jobsOf(programKey)).toEqual([])
})
