import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import { Reason } from './errors.ts'
import { createTestTokens, type TestTokens } from './testing/tokens.ts'
import { createTokenVerifier, type TokenVerifier } from './tokens.ts'

let tokens: TestTokens
let server: Server
let verifier: TokenVerifier
let requests: number
let answer: { status: number; body: string; stall?: boolean }

beforeEach(async () => {
  tokens = await createTestTokens()
  requests = 0
  answer = { status: 200, body: JSON.stringify(tokens.config.jwks) }
  server = createServer((_, response) => {
    requests++
    response.writeHead(answer.status)
    if (answer.stall) response.write('{')
    else response.end(answer.body)
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  verifier = createTokenVerifier({ ...tokens.config, jwks: undefined, jwksUrl: urlOf(server) })
  vi.useFakeTimers({ toFake: ['Date'] })
})
afterEach(async () => {
  vi.useRealTimers()
  server.closeAllConnections()
  await new Promise((resolve) => server.close(resolve))
})

function urlOf(where: Server): URL {
  return new URL(`http://127.0.0.1:${(where.address() as AddressInfo).port}/jwks`)
}

function pass(ms: number): void {
  vi.setSystemTime(Date.now() + ms)
}

// Each is a new one: what was verified before is remembered.
let counter = 0
async function verifyNew(header: Record<string, unknown> = {}) {
  return verifier.verify(`JWT ${await tokens.mint({ jti: String(counter++) }, header)}`)
}

const invalid = expect.objectContaining({ reason: Reason.TOKEN_INVALID })
const away = expect.objectContaining({ reason: Reason.UNAVAILABLE, retryAfterSeconds: 5 })

test('the key set is fetched once for many tokens', async () => {
  await Promise.all(Array.from({ length: 5 }, () => verifyNew()))
  await verifyNew()
  expect(requests).toBe(1)
})

test('a flood of unknown keys does not become a flood of requests', async () => {
  await verifyNew()
  const flood = Array.from({ length: 50 }, (_, index) => verifyNew({ kid: `made-up-${index}` }))
  for (const each of await Promise.allSettled(flood)) expect(each).toMatchObject({ reason: invalid })
  expect(requests).toBe(1)
})

test('a new key is found half a minute after the last fetch', async () => {
  await verifyNew()
  const old = tokens
  tokens = await createTestTokens()
  const keys = [...(tokens.config.jwks?.keys ?? [])].map((key) => ({ ...key, kid: 'new-key' }))
  answer.body = JSON.stringify({ keys })
  await expect(verifyNew({ kid: 'new-key' })).rejects.toEqual(invalid)
  pass(31_000)
  expect(await verifyNew({ kid: 'new-key' })).toMatchObject({ username: 'partner' })
  expect(requests).toBe(2)
  // The old key is out of the set.
  await expect(verifier.verify(`JWT ${await old.mint({ jti: 'old' })}`)).rejects.toEqual(invalid)
})

test.each([
  ['refuses', { status: 500, body: 'no' }],
  ['redirects', { status: 302, body: '' }],
  ['answers nonsense', { status: 200, body: 'hello' }],
  ['answers another JSON', { status: 200, body: '{"keys":7}' }],
  ['answers without end', { status: 200, body: `{"keys":[],"x":"${'x'.repeat(10_000_000)}"}` }],
])(
  'a URL that %s makes UNAVAILABLE, not a refused token, and is left alone for a while',
  async (_, wrong) => {
    const right = answer
    answer = wrong
    await expect(verifyNew()).rejects.toEqual(away)
    await expect(verifyNew()).rejects.toEqual(away)
    expect(requests).toBe(1)
    answer = right
    pass(5_001)
    expect(await verifyNew()).toMatchObject({ username: 'partner' })
  },
)

test('a URL that stalls makes UNAVAILABLE after its timeout', async () => {
  answer.stall = true
  await expect(verifyNew()).rejects.toEqual(away)
})

test('the last keys are used for an hour while the URL is away', async () => {
  await verifyNew()
  answer = { status: 503, body: '' }
  pass(30 * 60_000)
  expect(await verifyNew()).toMatchObject({ username: 'partner' })
  await expect(verifyNew({ kid: 'unknown' })).rejects.toEqual(invalid)
  pass(31 * 60_000)
  await expect(verifyNew()).rejects.toEqual(away)
})

describe('ten minutes after they were fetched', () => {
  beforeEach(async () => {
    vi.useRealTimers()
    vi.useFakeTimers({ toFake: ['Date', 'setTimeout', 'clearTimeout'] })
    await verifyNew()
  })

  test('keys are fetched again while nobody waits for it', async () => {
    answer.stall = true
    vi.advanceTimersByTime(600_000)
    expect(await verifyNew()).toMatchObject({ username: 'partner' })
    await vi.waitFor(() => expect(requests).toBe(2), { interval: 5 })
    expect(await verifyNew()).toMatchObject({ username: 'partner' })
  })

  test('what is new is known without a token that names it', async () => {
    tokens = await createTestTokens()
    const keys = [...(tokens.config.jwks?.keys ?? [])].map((key) => ({ ...key, kid: 'new-key' }))
    answer.body = JSON.stringify({ keys })
    vi.advanceTimersByTime(600_000)
    await vi.waitFor(async () => expect(await verifyNew({ kid: 'new-key' })).toBeDefined(), { interval: 5 })
    expect(requests).toBe(2)
  })

  test('a URL that is away is asked again after half a minute, and no call waits for it', async () => {
    const right = answer
    answer = { status: 503, body: '' }
    vi.advanceTimersByTime(600_000)
    await vi.waitFor(() => expect(requests).toBe(2), { interval: 5 })
    expect(await verifyNew()).toMatchObject({ username: 'partner' })
    answer = right
    await vi.waitFor(
      () => {
        vi.advanceTimersByTime(30_000)
        expect(requests).toBe(3)
      },
      { interval: 5 },
    )
    expect(await verifyNew()).toMatchObject({ username: 'partner' })
    expect(requests).toBe(3)
  })
})

test('keys given in place are used while the URL is away', async () => {
  answer = { status: 503, body: '' }
  verifier = createTokenVerifier({ ...tokens.config, jwksUrl: urlOf(server) })
  expect(await verifyNew()).toMatchObject({ username: 'partner' })
  await expect(verifyNew({ kid: 'unknown' })).rejects.toEqual(away)
})

test('a malformed token does not ask the URL for anything', async () => {
  await expect(verifier.verify('JWT a.b.c')).rejects.toEqual(invalid)
  await expect(verifyNew({ alg: 'RS384' })).rejects.toEqual(invalid)
  expect(requests).toBe(0)
})
