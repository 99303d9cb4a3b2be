import { connect } from 'node:net'
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest'
import { DomainError, Reason } from '#kit/errors.ts'
import { program } from '../testing/cases.ts'
import { startTestGateway, type TestGateway } from '../testing/gateway.ts'

let gateway: TestGateway
beforeAll(async () => {
  gateway = await startTestGateway({ requestTimeoutMs: 1_000 })
})
afterAll(() => gateway.close())
beforeEach(() => gateway.reset())

/** What the gateway answers to bytes that no HTTP client would send. */
async function sendRaw(bytes: string): Promise<string> {
  const socket = connect(Number(new URL(gateway.url).port), '127.0.0.1')
  socket.write(bytes)
  let answer = ''
  for await (const chunk of socket) answer += chunk
  return answer
}

test('an upstream’s fault is never a 500', async () => {
  for (const [reason, status] of [
    [Reason.UPSTREAM_FAILED, 502],
    [Reason.UPSTREAM_UNAVAILABLE, 503],
    [Reason.UPSTREAM_TIMEOUT, 504],
  ] as const) {
    gateway.world.failures.WriteProgramEnrollments = new DomainError(reason, 'lms', { retryAfterSeconds: 7 })
    const answer = await gateway.send({
      method: 'POST',
      path: `${program}/enrollments`,
      as: 'owner',
      body: [{ student_key: 'a', status: 'b' }],
    })
    expect([answer.status, answer.headers.get('retry-after')]).toEqual([status, '7'])
  }
})

test('a fault of ours shows nothing of our insides, and is in the log under the request id', async () => {
  gateway.world.failures.GetProgram = new Error('secret insides')
  const answer = await gateway.send({ path: program, as: 'owner', headers: { 'x-request-id': 'find-me' } })
  expect([answer.status, answer.json, answer.headers.get('x-request-id')]).toEqual([
    500,
    { detail: 'Internal server error.' },
    'find-me',
  ])
  await expect
    .poll(() => gateway.log.some((line) => line.includes('"level":50') && line.includes('find-me')))
    .toBe(true)
})

test('a service that is away is 503 with Retry-After', async () => {
  const lonely = await startTestGateway()
  await lonely.closeServices()
  const answer = await lonely.send({ path: program, as: 'owner' })
  expect([answer.status, answer.headers.get('retry-after')]).toEqual([503, '5'])
  expect((await lonely.send({ path: '/health' })).status).toBe(503)
  await lonely.close()
})

test('broken HTTP is 400 in JSON', async () => {
  expect(await sendRaw('nonsense\r\n\r\n')).toMatch(
    /^HTTP\/1\.1 400 [\s\S]*\r\n\r\n\{"detail":"Bad request\."\}$/,
  )
})

test('headers that are too large are 431 in JSON', async () => {
  const answer = await sendRaw(`GET / HTTP/1.1\r\nHost: x\r\nX: ${'x'.repeat(40_000)}\r\n\r\n`)
  expect(answer).toMatch(/^HTTP\/1\.1 431 [\s\S]*\{"detail":"Request header fields too large\."\}$/)
})

const stalled = async (headers: string, body: string) => {
  const token = await gateway.tokens.mint({ preferred_username: 'owner' })
  return sendRaw(
    `POST ${program}/enrollments${headers.includes('multipart') ? '/upload' : ''} HTTP/1.1\r\nHost: x\r\nAuthorization: JWT ${token}\r\n${headers}\r\n\r\n${body}`,
  )
}

test.each([
  ['a JSON body', 'Content-Type: application/json\r\nContent-Length: 100', '[{"student_key"'],
  [
    'an upload',
    'Content-Type: multipart/form-data; boundary=b\r\nContent-Length: 1000',
    '--b\r\nContent-Disposition: form-data; name="file"; filename="f"\r\n\r\nstudent_key',
  ],
])('a client that stops sending %s gets 408', async (_, headers, body) => {
  gateway.log.length = 0
  expect(await stalled(headers, body)).toMatch(
    /^HTTP\/1\.1 408 [\s\S]*\{"detail":"The request did not arrive in time\."\}$/,
  )
  expect(gateway.world.calls.map(({ rpc }) => rpc).filter((rpc) => rpc !== 'GetProgram')).toEqual([])
  expect(gateway.log.filter((line) => line.includes('"level":50'))).toEqual([])
})

test('a body that comes in pieces without a length is limited as it arrives', async () => {
  const piece = 'x'.repeat(65_536)
  const chunks = `${piece.length.toString(16)}\r\n${piece}\r\n`.repeat(20)
  const answer = await stalled(
    'Connection: close\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked',
    `${chunks}0\r\n\r\n`,
  )
  expect(answer).toMatch(/^HTTP\/1\.1 413 /)
})

test('a client that leaves is told apart in the log', async () => {
  gateway.log.length = 0
  let release = () => {}
  gateway.world.hold = new Promise<void>((resolve) => {
    release = resolve
  })
  const leave = new AbortController()
  const authorization = `JWT ${await gateway.tokens.mint()}`
  const request = fetch(`${gateway.url}/api/v1/jobs`, { headers: { authorization }, signal: leave.signal })
  await expect.poll(() => gateway.world.calls.length).toBe(1)
  leave.abort()
  await request.catch(() => {})
  await expect.poll(() => gateway.log.length).toBe(1)
  release()
  await gateway.send({ path: '/' })
  await expect.poll(() => gateway.log.map((line) => JSON.parse(line).status)).toEqual([499, 302])
})
