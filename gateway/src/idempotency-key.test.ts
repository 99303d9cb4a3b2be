import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { DomainError, Reason } from '#kit/errors.ts'
import { course, notFound, notPermitted, program } from './testing/cases.ts'
import { startTestGateway, type TestGateway, type TestRequest } from './testing/gateway.ts'

let gateway: TestGateway
beforeAll(async () => {
  gateway = await startTestGateway()
})
afterAll(() => gateway.close())
beforeEach(() => {
  gateway.reset()
  gateway.world.results = [{ studentKey: 'a', status: 'enrolled', accepted: true }]
})

const items = [{ student_key: 'a', status: 'enrolled' }]
const file = () => {
  const form = new FormData()
  form.append('file', new Blob(['x']), 'x.csv')
  return form
}
const writes: [name: string, rpc: string, request: TestRequest][] = [
  ['POST', 'WriteProgramEnrollments', { method: 'POST', path: `${program}/enrollments`, body: items }],
  ['PATCH', 'WriteProgramEnrollments', { method: 'PATCH', path: `${program}/enrollments`, body: items }],
  [
    'POST to a course',
    'WriteCourseEnrollments',
    { method: 'POST', path: `${course}/enrollments`, body: items },
  ],
  [
    'PATCH of a course',
    'WriteCourseEnrollments',
    { method: 'PATCH', path: `${course}/enrollments`, body: items },
  ],
  ['an upload', 'CreateUploadJob', { method: 'POST', path: `${program}/enrollments/upload`, body: file() }],
  [
    'a course upload',
    'CreateUploadJob',
    { method: 'POST', path: `${program}/course_enrollments/upload`, body: file() },
  ],
]
const send = (request: TestRequest, key?: string, as = 'owner') =>
  gateway.send({ ...request, as, ...(key !== undefined && { headers: { 'idempotency-key': key } }) })
const badKey = ['expected Idempotency-Key to have 1 to 255 printable ASCII characters']

describe.each(writes)('%s', (_, rpc, request) => {
  test('hands the key to the service, and none when there is none', async () => {
    await send(request, 'a "key"')
    await send(request)
    const keys = gateway.world.calls
      .filter((call) => call.rpc === rpc)
      .map(({ headers }) => headers.get('idempotency-key'))
    expect(keys).toEqual(['a "key"', null])
  })

  test('says when the answer was given before', async () => {
    expect((await send(request, 'k')).headers.get('idempotency-replayed')).toBeNull()
    gateway.world.answers = { 'idempotency-replayed': 'true' }
    const answer = await send(request, 'k')
    expect([answer.status < 300, answer.headers.get('idempotency-replayed')]).toEqual([true, 'true'])
  })

  test('with a key used for another request is 422', async () => {
    gateway.world.failures[rpc] = new DomainError(Reason.IDEMPOTENCY_KEY_REUSED, 'Used before.')
    const { status, text } = await send(request, 'k')
    expect([status, text]).toEqual([422, '{"detail":"Used before."}'])
  })

  test('with a key that is in use is 409, and says when to come back', async () => {
    const options = { retryAfterSeconds: 1 }
    gateway.world.failures[rpc] = new DomainError(Reason.IDEMPOTENCY_KEY_IN_USE, 'In use.', options)
    const { status, text, headers } = await send(request, 'k')
    expect([status, text, headers.get('retry-after')]).toEqual([409, '{"detail":"In use."}', '1'])
  })

  test.each(['', 'x'.repeat(256), 'é', 'a\tb'])('with %j for a key is 400, and does nothing', async (key) => {
    const { status, json } = await send(request, key)
    expect([status, json]).toEqual([400, badKey])
    expect(gateway.world.calls.map((call) => call.rpc)).toEqual(['GetProgram'])
  })

  test('with a bad key is refused for what comes first', async () => {
    const answer = await send(request, '', 'reader')
    expect([answer.status, answer.json]).toEqual([403, notPermitted])
    const path = request.path.replace('masters-in-cs', 'nowhere')
    const elsewhere = await send({ ...request, path }, '')
    expect([elsewhere.status, elsewhere.json]).toEqual([404, notFound])
  })
})

test('a conflict that does not pass by itself says nothing of coming back', async () => {
  gateway.world.failures.CreateUploadJob = new DomainError(Reason.WRITE_IN_PROGRESS, 'x')
  const [, , request] = writes[4] as (typeof writes)[number]
  const { status, headers } = await send(request, 'k')
  expect([status, headers.get('retry-after')]).toEqual([409, null])
})
