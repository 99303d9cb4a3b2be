import { once } from 'node:events'
import { get, type IncomingMessage } from 'node:http'
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest'
import { program } from '../testing/cases.ts'
import { startTestGateway, type TestGateway } from '../testing/gateway.ts'

const policy = '"default";q=3;w=60'
const limitOf = (headers: Headers) => [headers.get('ratelimit-policy'), headers.get('ratelimit')]
const left = (requests: number) =>
  expect.stringMatching(new RegExp(`^"default";r=${requests};t=([1-9]|[1-5]\\d|60)$`))

/** The status of an answer to nobody who calls from another address of this machine. */
async function statusFrom(localAddress: string, url: string): Promise<number | undefined> {
  const [answer] = (await once(get(url, { localAddress }), 'response')) as [IncomingMessage]
  answer.resume()
  return answer.statusCode
}

describe('with a limit of three requests a minute', () => {
  let gateway: TestGateway
  beforeAll(async () => {
    gateway = await startTestGateway({ rateLimit: 3 })
  })
  afterAll(() => gateway.close())

  test('a caller may send three, whatever comes of them, and is told how many are left', async () => {
    const requests = [
      { path: program, status: 200 },
      { path: '/api/v1/programs/nowhere', status: 404 },
      { method: 'DELETE', path: program, status: 405 },
    ]
    for (const [at, { status, ...request }] of requests.entries()) {
      const answer = await gateway.send({ ...request, as: 'owner' })
      expect([answer.status, ...limitOf(answer.headers)]).toEqual([status, policy, left(2 - at)])
      expect(answer.headers.get('retry-after')).toBeNull()
    }
    gateway.world.calls.length = 0
    const { status, text, headers } = await gateway.send({ path: '/api/v3/programs', as: 'owner' })
    const wait = headers.get('retry-after') ?? ''
    expect([status, text]).toEqual([
      429,
      `{"detail":"Request was throttled. Expected available in ${wait} seconds."}`,
    ])
    expect(Number(wait)).toBeGreaterThan(1)
    expect(limitOf(headers)).toEqual([policy, `"default";r=0;t=${wait}`])
    expect(gateway.world.calls).toEqual([])
  })

  test('another caller has three of their own', async () => {
    for (let n = 0; n < 5; n++) await gateway.send({ path: program, as: 'reader' })
    const { status, headers } = await gateway.send({ path: program, as: 'viewer' })
    expect([status, ...limitOf(headers)]).toEqual([200, policy, left(2)])
  })

  test('who is nobody is counted by address, and takes nothing from those who are somebody there', async () => {
    const statuses = []
    for (const authorization of ['JWT nonsense', '', 'JWT nonsense', 'JWT other', '']) {
      statuses.push((await gateway.send({ path: program, headers: { authorization } })).status)
    }
    expect(statuses).toEqual([401, 401, 401, 429, 429])
    expect((await gateway.send({ path: program, as: 'writer' })).status).toBe(200)
    expect(await statusFrom('127.0.0.2', gateway.url + program)).toBe(401)
  })

  test('what wants no login is not counted', async () => {
    for (const path of [
      '/health',
      '/api-docs/openapi.json',
      '/api/media/a/b?expires=1&signature=x',
      '/nowhere',
    ]) {
      for (let n = 0; n < 4; n++) {
        const { status, headers } = await gateway.send({ path })
        expect([status === 429, ...limitOf(headers)]).toEqual([false, null, null])
      }
    }
  })

  test('a preflight is not counted', async () => {
    const headers = { origin: 'https://console.test', 'access-control-request-method': 'GET' }
    for (let n = 0; n < 5; n++) {
      expect((await gateway.send({ method: 'OPTIONS', path: program, headers })).status).toBe(200)
    }
  })
})

test('a caller may come back when the time has passed', async ({ onTestFinished }) => {
  const gateway = await startTestGateway({ rateLimit: 1 })
  onTestFinished(() => gateway.close())
  await gateway.send({ path: program, as: 'owner' })
  expect((await gateway.send({ path: program, as: 'owner' })).status).toBe(429)
  vi.useFakeTimers({ toFake: ['Date'], now: Date.now() + 59_500 })
  onTestFinished(() => void vi.useRealTimers())
  const { text, headers } = await gateway.send({ path: program, as: 'owner' })
  expect([text, headers.get('retry-after')]).toEqual([
    '{"detail":"Request was throttled. Expected available in 1 second."}',
    '1',
  ])
  vi.setSystemTime(Date.now() + 1_000)
  expect((await gateway.send({ path: program, as: 'owner' })).status).toBe(200)
})

test('without a limit nothing is counted', async ({ onTestFinished }) => {
  const gateway = await startTestGateway()
  onTestFinished(() => gateway.close())
  for (let n = 0; n < 20; n++) {
    const { status, headers } = await gateway.send({ path: program, as: 'owner' })
    expect([status, ...limitOf(headers)]).toEqual([200, null, null])
  }
})
