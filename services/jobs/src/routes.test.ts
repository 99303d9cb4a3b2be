import { randomUUID } from 'node:crypto'
import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { create } from '@bufbuild/protobuf'
import { DurationSchema, timestampDate, timestampFromMs } from '@bufbuild/protobuf/wkt'
import { createClient } from '@connectrpc/connect'
import { createConnectTransport } from '@connectrpc/connect-node'
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest'
import { Reason } from '#kit/errors.ts'
import { createRpcClient } from '#kit/rpc-client.ts'
import { reasonOf } from '#kit/rpc-errors.ts'
import { JobKind, JobState, ResultFormat } from '#proto/registrar/jobs/v1/job_pb.ts'
import { JobsService } from '#proto/registrar/jobs/v1/jobs_service_pb.ts'
import { type JobsClient, readResult, startTestStack, type TestStack, waitForJob } from './testing/stack.ts'

let stack: TestStack
let partner: JobsClient
const kind = JobKind.LIST_PROGRAM_ENROLLMENTS
const discoveryUuid = '0f1e2d3c-4b5a-6978-8796-a5b4c3d2e1f0'

beforeAll(async () => {
  stack = await startTestStack({ RESULT_LINK_TTL: '600', API_ROOT: 'https://registrar.example.com/api' })
  stack.peers.programs.set('masters', {
    ...{ id: randomUUID(), discoveryUuid, organizationKey: 'school' },
    courses: { 'course-v1:A+B+C': 'EXT-1' },
  })
})
afterAll(() => stack.stop())
beforeEach(async () => {
  partner = stack.as('partner')
  Object.assign(stack.peers.enrollment, { rows: 3, pageDelayMs: 0, failures: [] })
})

async function refusalOf(work: Promise<unknown>): Promise<Reason | undefined> {
  return work.then(
    () => undefined,
    (error: unknown) => reasonOf(error),
  )
}

async function createDone(client = partner, format: ResultFormat = ResultFormat.JSON) {
  const { job } = await client.createReadJob({ kind, programKey: 'masters', format })
  return waitForJob(client, job?.id)
}

async function readLink(url: string | undefined) {
  const { pathname, searchParams } = new URL(url as string)
  const [, , , bucket, ...names] = pathname.split('/').map(decodeURIComponent)
  const anonymous = createClient(
    JobsService,
    createConnectTransport({ baseUrl: stack.url, httpVersion: '2' }),
  )
  const stream = anonymous.readSignedObject({
    bucket,
    key: names.join('/'),
    expireTime: timestampFromMs(Number(searchParams.get('expires')) * 1000),
    signature: searchParams.get('signature') ?? '',
  })
  let text = ''
  let info: unknown
  for await (const message of stream) {
    info ??= message.info
    text += Buffer.from(message.data).toString('utf8')
  }
  return { info, text }
}

test('a job is accepted as Pending, with all that the REST API shows', async () => {
  const { job } = await partner.createReadJob({ kind, programKey: 'masters' })
  expect(job).toMatchObject({
    ...{
      kind,
      state: JobState.PENDING,
      programKey: 'masters',
      organizationKey: 'school',
      username: 'partner',
    },
    ...{ name: 'masters:read:list_program_enrollments', courseId: '', format: ResultFormat.JSON, attempt: 0 },
  })
  expect(job?.id).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/)
  expect(Math.abs(timestampDate(job?.createTime as never).getTime() - Date.now())).toBeLessThan(10_000)
  expect(job?.resultUrl).toBeUndefined()
  await waitForJob(partner, job?.id)
})

test('reads are refused in the order of the rules', async () => {
  const read = (client: JobsClient, request: Parameters<JobsClient['createReadJob']>[0]) =>
    refusalOf(client.createReadJob(request))
  const stranger = stack.as('stranger', { permissions: [] })
  const course = { kind: JobKind.GET_COURSE_RUN_GRADES, courseId: 'nowhere' }
  expect(await read(stranger, { ...course, programKey: 'nowhere' })).toBe(Reason.PROGRAM_NOT_FOUND)
  expect(await read(stranger, { ...course, programKey: 'masters' })).toBe(Reason.PERMISSION_DENIED)
  expect(await read(partner, { ...course, programKey: 'masters' })).toBe(Reason.COURSE_NOT_FOUND)
  expect(await read(partner, { ...course, programKey: 'masters', courseId: '' })).toBe(
    Reason.COURSE_NOT_FOUND,
  )
  for (const wrong of [JobKind.UNSPECIFIED, JobKind.WRITE_PROGRAM_ENROLLMENTS]) {
    expect(await read(partner, { kind: wrong, programKey: 'masters' })).toBe(Reason.INVALID_ARGUMENT)
  }
  expect(await read(stack.as('locked-out', { inactive: true }), { kind, programKey: 'masters' })).toBe(
    Reason.USER_INACTIVE,
  )
  expect(await stack.sql("select 1 from jobs where username in ('stranger', 'locked-out')")).toEqual([])
})

test('a job is shown to its owner, to readers of all jobs, to superusers and to the operator', async () => {
  const { id } = await createDone()
  for (const client of [
    partner,
    stack.as('reader', { readsAllJobs: true }),
    stack.as('root', { superuser: true }),
    stack.operator,
  ]) {
    expect((await client.getJob({ id })).job?.id).toBe(id)
    expect(JSON.parse(await readResult(client, id))).toHaveLength(3)
  }
  const stranger = stack.as('stranger')
  expect(await refusalOf(stranger.getJob({ id }))).toBe(Reason.PERMISSION_DENIED)
  expect(await refusalOf(readResult(stranger, id))).toBe(Reason.PERMISSION_DENIED)
  expect(await refusalOf(stranger.cancelJob({ id }))).toBe(Reason.PERMISSION_DENIED)
  expect(await refusalOf(stack.as('partner', { inactive: true }).getJob({ id }))).toBe(Reason.USER_INACTIVE)
})

test.each([
  'f47ac10b-58cc-4372-a567-0e02b2c3d479',
  'F47AC10B-58CC-4372-A567-0E02B2C3D479',
  'f47ac10b58cc4372a5670e02b2c3d479',
  '',
  'abc',
  "' or 1=1 --",
  '../../etc/passwd',
])('there is no job %j, for anybody', async (id) => {
  for (const client of [partner, stack.operator]) {
    expect(await refusalOf(client.getJob({ id }))).toBe(Reason.JOB_NOT_FOUND)
    expect(await refusalOf(client.cancelJob({ id }))).toBe(Reason.JOB_NOT_FOUND)
    expect(await refusalOf(readResult(client, id))).toBe(Reason.JOB_NOT_FOUND)
  }
})

test('the jobs worker may not look at jobs, nor a user purge them', async () => {
  const worker = createRpcClient(JobsService, stack.url, {
    token: () => stack.tokens.mintService('jobs-worker'),
  })
  expect(await refusalOf(worker.listJobs({}))).toBe(Reason.PERMISSION_DENIED)
  expect(await refusalOf(partner.purgeJobs({}))).toBe(Reason.PERMISSION_DENIED)
})

test('a list shows only the own jobs, newest first, page by page, or everybody’s to those who may see them', async () => {
  const lister = stack.as(`lister-${randomUUID()}`)
  const ids: string[] = []
  for (let n = 0; n < 5; n++) ids.unshift((await createDone(lister)).id)
  const seen: string[] = []
  let pageToken = ''
  do {
    const page = await lister.listJobs({ pageSize: 2, pageToken })
    seen.push(...page.jobs.map(({ id }) => id))
    pageToken = page.nextPageToken
  } while (pageToken !== '')
  expect(seen).toEqual(ids)
  expect((await lister.listJobs({ states: [JobState.PENDING, JobState.FAILED] })).jobs).toEqual([])
  expect((await lister.listJobs({ states: [JobState.SUCCEEDED], programKey: 'masters' })).jobs).toHaveLength(
    5,
  )
  expect((await lister.listJobs({ programKey: 'other' })).jobs).toEqual([])

  expect(await refusalOf(lister.listJobs({ allOwners: true }))).toBe(Reason.PERMISSION_DENIED)
  const reader = stack.as('reader', { readsAllJobs: true })
  expect((await reader.listJobs({})).jobs).toEqual([])
  for (const client of [reader, stack.as('root', { superuser: true }), stack.operator]) {
    expect((await client.listJobs({ allOwners: true })).jobs.map(({ id }) => id)).toEqual(
      expect.arrayContaining(ids),
    )
  }
})

test('pages and states that nobody handed out are refused', async () => {
  const tokenOf = (value: unknown) => Buffer.from(JSON.stringify(value)).toString('base64url')
  for (const pageToken of [
    'x',
    tokenOf(1),
    tokenOf(['1', 'x']),
    tokenOf(['1; drop table jobs', randomUUID()]),
  ]) {
    expect(await refusalOf(partner.listJobs({ pageToken }))).toBe(Reason.PAGE_TOKEN_INVALID)
  }
  expect(await refusalOf(partner.listJobs({ pageSize: -1 }))).toBe(Reason.INVALID_ARGUMENT)
  expect(await refusalOf(partner.listJobs({ states: [99 as JobState] }))).toBe(Reason.INVALID_ARGUMENT)
})

test('there is no result before there is one', async () => {
  stack.peers.enrollment.pageDelayMs = 300
  const { job } = await partner.createReadJob({ kind, programKey: 'masters' })
  expect(await refusalOf(readResult(partner, job?.id))).toBe(Reason.RESULT_NOT_READY)
  await waitForJob(partner, job?.id)
})

test('every look at a job gives a link that works for everybody, for the time that was set', async () => {
  const json = await createDone()
  expect(json.resultUrl).toMatch(
    new RegExp(`^https://registrar.example.com/api/media/registrar/job-results/${json.id}.json\\?`),
  )
  expect(await readLink(json.resultUrl)).toMatchObject({
    info: { contentType: 'application/json', fileName: `${json.id}.json` },
    text: await readResult(partner, json.id),
  })
  const csv = await createDone(partner, ResultFormat.CSV)
  expect(await readLink(csv.resultUrl)).toMatchObject({
    info: { contentType: 'text/csv; charset=utf-8', fileName: `${csv.id}.csv`, size: 111n },
  })
  const expires = Number(new URL(json.resultUrl as string).searchParams.get('expires'))
  expect(Math.abs(expires - Date.now() / 1000 - 600)).toBeLessThan(20)
})

test('a link that is changed, has expired or is made up reads nothing', async () => {
  const { id, resultUrl } = await createDone()
  const change = (edit: (url: URL) => void) => {
    const url = new URL(resultUrl as string)
    edit(url)
    return refusalOf(readLink(url.href))
  }
  const notFound = Reason.OBJECT_NOT_FOUND
  expect(await change((url) => url.searchParams.set('expires', '99999999999'))).toBe(notFound)
  expect(await change((url) => url.searchParams.set('expires', '1'))).toBe(notFound)
  expect(await change((url) => url.searchParams.delete('signature'))).toBe(notFound)
  expect(await change((url) => url.searchParams.set('signature', 'A'.repeat(43)))).toBe(notFound)
  expect(
    await change((url) => {
      url.pathname = url.pathname.replace(id, randomUUID())
    }),
  ).toBe(notFound)
  expect(
    await change((url) => {
      url.pathname = '/api/media/registrar/..%2f..%2fdevelopment-keys.json'
    }),
  ).toBe(notFound)
})

test('reports are listed by name with links, from a day on', async () => {
  const folder = join(
    stack.mediaDir,
    'program-reports',
    'reports_v2',
    'school',
    discoveryUuid.replaceAll('-', ''),
  )
  expect(await partner.listReports({ programKey: 'masters' })).toMatchObject({ reports: [] })
  await mkdir(join(folder, 'sub__2022-01-01'), { recursive: true })
  for (const name of [
    'b__2019-1-5.txt',
    'bad__2019-25-25',
    'bad_1',
    'a b__2021-03-04__2022-05-06.csv',
    'C__2020-06-07',
  ]) {
    await writeFile(join(folder, name), name)
  }
  const { reports } = await partner.listReports({ programKey: 'masters' })
  expect(reports.map(({ name, createdDate }) => [name, createdDate])).toEqual([
    ['C__2020-06-07', '2020-06-07'],
    ['a b__2021-03-04__2022-05-06.csv', '2022-05-06'],
    ['b__2019-1-5.txt', '2019-01-05'],
  ])
  expect(await readLink(reports[1]?.downloadUrl)).toMatchObject({
    info: { contentType: 'text/csv; charset=utf-8', fileName: 'a b__2021-03-04__2022-05-06.csv' },
    text: 'a b__2021-03-04__2022-05-06.csv',
  })
  const since = async (minCreatedDate: string) =>
    (await partner.listReports({ programKey: 'masters', minCreatedDate })).reports.length
  expect([await since('2020-06-07'), await since('2020-06-08'), await since('2030-01-01')]).toEqual([2, 1, 0])
})

test('reports are refused to those who may not read them, and for days that are none', async () => {
  const list = (client: JobsClient, programKey: string, minCreatedDate = '') =>
    refusalOf(client.listReports({ programKey, minCreatedDate }))
  const stranger = stack.as('stranger', { permissions: [] })
  expect(await list(stranger, 'nowhere', 'x')).toBe(Reason.PROGRAM_NOT_FOUND)
  expect(await list(stranger, 'masters', 'x')).toBe(Reason.PERMISSION_DENIED)
  for (const day of ['x', '2020-1-1', '2020-02-30', '2020-01-01T00:00:00']) {
    expect(await list(partner, 'masters', day)).toBe(Reason.INVALID_ARGUMENT)
  }
})

test('old jobs are purged with their results, whatever their number, and others stay', async () => {
  const old = await createDone()
  const fresh = await createDone()
  await stack.sql("update jobs set ended_at = ended_at - interval '31 days' where id = $1", [old.id])
  await stack.sql(`
    insert into jobs (id, kind, state, owner_id, username, program_id, program_key, organization_key, format,
      include_accounts, include_course_staff, ended_at)
    select gen_random_uuid(), 'ListProgramEnrollments', 'FAILED', gen_random_uuid(), 'x', gen_random_uuid(), 'x', 'x', 'csv',
      false, false, now() - interval '40 days' from generate_series(1, 250)`)
  const olderThan = create(DurationSchema, { seconds: 30n * 86_400n })
  expect((await stack.operator.purgeJobs({ olderThan })).purged).toBe(251)
  expect(await refusalOf(partner.getJob({ id: old.id }))).toBe(Reason.JOB_NOT_FOUND)
  expect(await refusalOf(readLink(old.resultUrl))).toBe(Reason.OBJECT_NOT_FOUND)
  expect(await readResult(partner, fresh.id)).not.toBe('')
  expect((await stack.operator.purgeJobs({ olderThan })).purged).toBe(0)
  expect(await refusalOf(stack.operator.purgeJobs({}))).toBe(Reason.INVALID_ARGUMENT)
})
