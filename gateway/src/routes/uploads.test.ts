import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { DomainError, Reason } from '#kit/errors.ts'
import { JobKind } from '#proto/registrar/jobs/v1/job_pb.ts'
import { type Case, notFound, notPermitted, notProvided, program } from '../testing/cases.ts'
import { newJobId } from '../testing/fake-services.ts'
import { apiRoot, startTestGateway, type TestGateway } from '../testing/gateway.ts'
import { runCases } from '../testing/run-cases.ts'

let gateway: TestGateway
beforeAll(async () => {
  gateway = await startTestGateway()
})
afterAll(() => gateway.close())
beforeEach(() => gateway.reset())

const limit = 5_242_880
const path = `${program}/enrollments/upload`
const noFile = { detail: 'No file content uploaded' }
const tooLarge = { detail: 'Upload too large. Must be under 5242880 bytes' }
const multipart = { 'content-type': 'multipart/form-data; boundary=b' }

function form(
  ...parts: [name: string, content: string | Uint8Array<ArrayBuffer>, isFile?: boolean][]
): FormData {
  const data = new FormData()
  for (const [name, content, isFile = true] of parts) {
    if (isFile) data.append(name, new Blob([content]), 'any.bin')
    else data.append(name, content as string)
  }
  return data
}

const post = (body: Case['body'], rest: Partial<Case> = {}) => ({
  method: 'POST',
  path,
  as: 'owner',
  body,
  ...rest,
})

const cases: Case[] = [
  { name: 'no body is no file', ...post(undefined), status: 400, json: noFile },
  {
    name: 'a form without parts is no file',
    ...post('--b--\r\n', { headers: multipart }),
    status: 400,
    json: noFile,
  },
  { name: 'a file of another name is no file', ...post(form(['other', 'x'])), status: 400, json: noFile },
  { name: 'a text field is no file', ...post(form(['file', 'x', false])), status: 400, json: noFile },
  {
    name: 'JSON is another type',
    ...post({}),
    status: 415,
    json: { detail: 'Unsupported media type "application/json" in request.' },
  },
  {
    name: 'no type is another type',
    ...post('x', { headers: { 'content-type': '' } }),
    status: 415,
    json: { detail: 'Unsupported media type "" in request.' },
  },
  {
    name: 'a form without a boundary',
    ...post('x', { headers: { 'content-type': 'multipart/form-data' } }),
    status: 400,
  },
  {
    name: 'a form that ends early',
    ...post('--b\r\nContent-Disposition: form-data; name="file"; filename="f"\r\n\r\nabc', {
      headers: multipart,
    }),
    status: 400,
  },
  {
    name: 'a byte too much',
    ...post(form(['file', new Uint8Array(limit + 1)])),
    status: 413,
    json: tooLarge,
  },
  { name: '20 MB', ...post(form(['file', new Uint8Array(20_000_000)])), status: 413, json: tooLarge },
  { name: 'exactly the limit', ...post(form(['file', new Uint8Array(limit)])), status: 202 },
  { name: 'an empty file is for the service to judge', ...post(form(['file', ''])), status: 202 },
  {
    name: 'a missing token beats everything',
    ...post({}, { as: undefined }),
    status: 401,
    json: notProvided,
  },
  {
    name: 'an unknown program beats a file that is too large',
    ...post(form(['file', new Uint8Array(limit + 1)]), {
      path: '/api/v1/programs/nowhere/enrollments/upload',
    }),
    status: 404,
    json: notFound,
  },
  {
    name: 'a missing permission beats a file that is too large',
    ...post(form(['file', new Uint8Array(limit + 1)]), { as: 'reader' }),
    status: 403,
    json: notPermitted,
  },
  {
    name: 'a missing permission beats another type',
    ...post({}, { as: 'reader' }),
    status: 403,
    json: notPermitted,
  },
]
describe('forms', () => runCases(() => gateway, cases))

test('nothing is started for a form that cannot be used', async () => {
  for (const { name: _, ...request } of cases.filter(({ status }) => status !== 202))
    await gateway.send(request)
  expect(new Set(gateway.world.calls.map(({ rpc }) => rpc))).toEqual(new Set(['GetProgram']))
})

test.each([
  [`${program}/enrollments/upload`, JobKind.WRITE_PROGRAM_ENROLLMENTS],
  [`${program}/course_enrollments/upload/`, JobKind.WRITE_COURSE_RUN_ENROLLMENTS],
])('%s hands the bytes on as they are and says where to ask', async (url, kind) => {
  const content = Uint8Array.from({ length: 100_000 }, (_, at) => at % 256)
  const answer = await gateway.send(
    post(form(['note', 'x', false], ['other', 'y'], ['file', content]), { path: url }),
  )
  const jobUrl = `${apiRoot}/v1/jobs/${newJobId}`
  expect([answer.status, answer.text]).toEqual([202, `{"job_id":"${newJobId}","job_url":"${jobUrl}"}`])
  expect([answer.headers.get('location'), answer.headers.get('retry-after')]).toEqual([jobUrl, '1'])
  const { message } = gateway.world.calls.at(-1) as { message: { content: Uint8Array } }
  expect(message).toMatchObject({ kind, programKey: 'masters-in-cs' })
  expect(Buffer.compare(message.content, content)).toBe(0)
})

test('of two files the last counts', async () => {
  await gateway.send(post(form(['file', 'first'], ['file', 'last'])))
  const { message } = gateway.world.calls.at(-1) as { message: { content: Uint8Array } }
  expect(Buffer.from(message.content).toString()).toBe('last')
})

test.each([
  [Reason.WRITE_IN_PROGRESS, 409, '"Job already in progress for program"'],
  [Reason.CSV_INVALID, 400, '["CSV is missing headers [status]"]'],
])('the service’s refusal %i is told to the string', async (reason, status, text) => {
  gateway.world.failures.CreateUploadJob = new DomainError(reason, 'CSV is missing headers [status]')
  const answer = await gateway.send(post(form(['file', 'x'])))
  expect([answer.status, answer.text]).toEqual([status, text])
})
