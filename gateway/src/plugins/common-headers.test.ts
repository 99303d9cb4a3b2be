import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest'
import { program } from '../testing/cases.ts'
import { startTestGateway, type TestGateway } from '../testing/gateway.ts'

let gateway: TestGateway
beforeAll(async () => {
  gateway = await startTestGateway()
})
afterAll(() => gateway.close())
beforeEach(() => gateway.reset())

const everyAnswer = [
  { path: program, as: 'owner', status: 200 },
  { path: program, status: 401 },
  { path: program, as: 'stranger', status: 403 },
  { path: '/api/v1/nowhere', status: 404 },
  { path: '/api/%ff', status: 404 },
  { path: program, as: 'owner', method: 'PUT', status: 405 },
  { path: `${program}/enrollments`, as: 'owner', status: 202 },
  { path: '/api/internal/cache', as: 'staff', method: 'DELETE', status: 204 },
  { path: '/health', status: 200 },
]

test.each(everyAnswer)(
  '$status carries the common headers and the request id',
  async ({ status, ...request }) => {
    const answer = await gateway.send({ ...request, headers: { 'x-request-id': 'Partner_1.2-3' } })
    expect(answer.status).toBe(status)
    expect(Object.fromEntries(answer.headers)).toMatchObject({
      vary: 'Accept, Accept-Language, origin',
      'x-frame-options': 'DENY',
      'content-language': 'en',
      'x-request-id': 'Partner_1.2-3',
    })
    expect(answer.headers.get('content-type')).toBe(status === 204 ? null : 'application/json')
  },
)

test.each(['a b', 'x'.repeat(129), 'a/b', 'ü', ''])('the request id "%s" is replaced', async (id) => {
  const answer = await gateway.send({
    path: program,
    as: 'owner',
    headers: { 'x-request-id': encodeURI(id) },
  })
  expect(answer.headers.get('x-request-id')).toMatch(/^[0-9a-f]{8}-[0-9a-f-]{27}$/)
})

test('the request id goes to the services and into the log', async () => {
  await gateway.send({ path: program, as: 'owner', headers: { 'x-request-id': 'trace-me' } })
  expect(gateway.world.calls).toMatchObject([{ requestId: 'trace-me' }])
  await expect.poll(() => gateway.log.some((line) => line.includes('"requestId":"trace-me"'))).toBe(true)
})

test('a log line tells who, what and how it went, and no secret', async () => {
  const { log } = gateway
  log.length = 0
  await gateway.send({
    path: `${program}/courses/CS-101/enrollments?fmt=csv&secret=query`,
    as: 'owner',
    method: 'POST',
    body: [{ student_key: 'learner-1', status: 'x' }],
  })
  await gateway.send({ path: '/api/media/registrar/k?expires=1&signature=sig-secret' })
  await expect.poll(() => log.length).toBe(2)
  expect(JSON.parse(log[0] ?? '')).toMatchObject({
    method: 'POST',
    route: '/api/v1/programs/{program_key}/courses/{course_id}/enrollments',
    status: 422,
    caller: 'owner',
  })
  for (const secret of ['learner-1', 'sig-secret', 'eyJ', 'query']) expect(log.join('')).not.toContain(secret)
})
