import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { DomainError, Reason } from '#kit/errors.ts'
import { JobKind, ResultFormat } from '#proto/registrar/jobs/v1/job_pb.ts'
import { type Case, course, notFound, notPermitted, program } from '../testing/cases.ts'
import { newJobId } from '../testing/fake-services.ts'
import { apiRoot, startTestGateway, type TestGateway } from '../testing/gateway.ts'
import { runCases } from '../testing/run-cases.ts'

let gateway: TestGateway
beforeAll(async () => {
  gateway = await startTestGateway()
})
afterAll(() => gateway.close())
beforeEach(() => gateway.reset())

const begin = '"name":"masters-in-cs:read:list_program_enrollments","created":"2023-11-14T22:13:20.123456Z"'
const running = `{"job_id":"aaaa",${begin},"state":"In Progress","result":null,"text":null,"reason":null,"progress":null}`

const cases: Case[] = [
  { name: 'a job that runs', path: '/api/v1/jobs/aaaa', as: 'owner', status: 200, text: running },
  {
    name: 'a job that succeeded',
    path: '/api/v2/jobs/bbbb',
    as: 'owner',
    status: 200,
    text: `{"job_id":"bbbb",${begin},"state":"Succeeded","result":"${apiRoot}/media/registrar/job-results/bbbb.json?expires=1&signature=s","text":null,"reason":null,"progress":{"rows_done":10000,"rows_total":10000}}`,
  },
  {
    name: 'a job that failed says why',
    path: '/api/v1/jobs/cccc',
    as: 'owner',
    status: 200,
    text: `{"job_id":"cccc",${begin},"state":"Failed","result":null,"text":"The job took too long.","reason":"TIME_LIMIT","progress":null}`,
  },
  {
    name: 'the list has the caller’s unfinished jobs',
    path: '/api/v1/jobs',
    as: 'owner',
    status: 200,
    text: `[${running}]`,
  },
  { name: 'the list is empty for who has none', path: '/api/v1/jobs', as: 'reader', status: 200, text: '[]' },
  { name: 'another user’s job', path: '/api/v1/jobs/dddd', as: 'owner', status: 403, json: notPermitted },
  {
    name: 'OPTIONS of another user’s job',
    method: 'OPTIONS',
    path: '/api/v1/jobs/dddd',
    as: 'owner',
    status: 403,
    json: notPermitted,
  },
  {
    name: 'canceling',
    method: 'POST',
    path: '/api/v1/jobs/aaaa/cancel',
    as: 'owner',
    status: 200,
    text: running,
  },
  {
    name: 'canceling with a body that nobody reads',
    method: 'POST',
    path: '/api/v2/jobs/aaaa/cancel/',
    as: 'owner',
    body: '{',
    headers: { 'content-type': 'x' },
    status: 200,
    text: running,
  },
  {
    name: 'canceling another user’s job',
    method: 'POST',
    path: '/api/v1/jobs/dddd/cancel',
    as: 'owner',
    status: 403,
    json: notPermitted,
  },
  {
    name: 'canceling what is not there',
    method: 'POST',
    path: '/api/v1/jobs/ffff/cancel',
    as: 'owner',
    status: 404,
    json: notFound,
  },
  {
    name: 'GET cancels nothing',
    path: '/api/v1/jobs/aaaa/cancel',
    as: 'owner',
    status: 405,
    answers: { allow: 'POST, OPTIONS' },
  },
]
describe('jobs', () => runCases(() => gateway, cases))

test('canceling a job that has ended is 409', async () => {
  gateway.world.failures.CancelJob = new DomainError(Reason.JOB_ENDED, 'ended')
  const answer = await gateway.send({ method: 'POST', path: '/api/v1/jobs/bbbb/cancel', as: 'owner' })
  expect([answer.status, answer.json]).toEqual([409, { detail: 'The job has ended already.' }])
})

test.each([
  [`${program}/enrollments`, { kind: JobKind.LIST_PROGRAM_ENROLLMENTS, courseId: '' }],
  [
    `${course}/enrollments`,
    { kind: JobKind.LIST_COURSE_RUN_ENROLLMENTS, courseId: 'course-v1:Org+Course+Run' },
  ],
  [
    `${program}/courses/Org/Course/Run/grades`,
    { kind: JobKind.GET_COURSE_RUN_GRADES, courseId: 'Org/Course/Run' },
  ],
  [`${program}/course_enrollments`, { kind: JobKind.LIST_ALL_COURSE_RUN_ENROLLMENTS, courseId: '' }],
])('GET %s starts a job and says where to ask', async (path, message) => {
  for (const [query, format] of [
    ['', ResultFormat.JSON],
    ['?fmt=json', ResultFormat.JSON],
    ['?fmt=csv', ResultFormat.CSV],
    ['?fmt=csv&fmt=json', ResultFormat.JSON],
  ] as const) {
    gateway.reset()
    const answer = await gateway.send({ path: path + query, as: 'owner' })
    const url = `${apiRoot}/v1/jobs/${newJobId}`
    expect([answer.status, answer.text]).toEqual([202, `{"job_id":"${newJobId}","job_url":"${url}"}`])
    expect([answer.headers.get('location'), answer.headers.get('retry-after')]).toEqual([url, '1'])
    expect(gateway.world.calls).toMatchObject([
      { rpc: 'CreateReadJob', message: { ...message, format, programKey: 'masters-in-cs' } },
    ])
  }
})

test('a job started under v2 is asked for under v2', async () => {
  const { json } = await gateway.send({ path: `${program.replace('v1', 'v2')}/enrollments`, as: 'owner' })
  expect(json).toMatchObject({ job_url: `${apiRoot}/v2/jobs/${newJobId}` })
})

test.each(['', 'JSON', 'xml', 'csv%20', '%00'])('fmt=%s is 404 and starts nothing', async (fmt) => {
  const answer = await gateway.send({ path: `${program}/enrollments?fmt=${fmt}`, as: 'owner' })
  expect([answer.status, answer.json]).toEqual([404, notFound])
  expect(gateway.world.calls.map(({ rpc }) => rpc)).toEqual(['GetProgram'])
})
