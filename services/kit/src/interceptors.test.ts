import { Code, ConnectError, createContextValues } from '@connectrpc/connect'
import { beforeAll, beforeEach, expect, test } from 'vitest'
import { callOptionsOf, principalKey, requestIdKey, requestIdOf } from './call-context.ts'
import { DomainError, Reason } from './errors.ts'
import { createLogger } from './logger.ts'
import { createRpcClient } from './rpc-client.ts'
import { startProbeServer } from './testing/probe-server.ts'
import { ProbeService } from './testing/probe-service.ts'
import { createTestTokens, type TestTokens } from './testing/tokens.ts'

let tokens: TestTokens
let lines: Record<string, unknown>[]
beforeAll(async () => {
  tokens = await createTestTokens()
})
beforeEach(() => {
  lines = []
})

const logger = createLogger('probe', 'debug', { write: (line) => void lines.push(JSON.parse(line)) })
const rpcLines = () => lines.filter((line) => 'rpc' in line)

async function withServer(
  implementation: Parameters<typeof startProbeServer>[1],
  use: (client: ReturnType<typeof createRpcClient<typeof ProbeService>>, url: string) => Promise<void>,
): Promise<void> {
  const server = await startProbeServer(tokens, implementation, { logger })
  try {
    await use(createRpcClient(ProbeService, server.url), server.url)
  } finally {
    await server.close()
  }
}

test.each([
  ['a sane id is kept', 'Partner_1.retry-2', /^Partner_1\.retry-2$/],
  ['an id of 128 letters is kept', 'x'.repeat(128), /^x{128}$/],
  ['no id: one is made', undefined, /^[0-9a-f-]{36}$/],
  ['an id with a blank is replaced', 'a b', /^[0-9a-f-]{36}$/],
  ['an id that breaks lines is replaced', 'a","level":60', /^[0-9a-f-]{36}$/],
  ['a long id is replaced', 'x'.repeat(129), /^[0-9a-f-]{36}$/],
])('request id: %s', async (_, given, expected) => {
  await withServer({ open: (_, context) => ({ value: requestIdOf(context) }) }, async (client) => {
    const { value } = await client.open({}, { headers: given === undefined ? {} : { 'x-request-id': given } })
    expect(value).toMatch(expected)
    expect(rpcLines()).toMatchObject([{ requestId: value }])
  })
})

test('a call is one line: method, code, time, request id, caller', async () => {
  await withServer({ ask: () => ({}) }, async (client) => {
    await client.ask({}, { headers: { authorization: `JWT ${await tokens.mint()}`, 'x-request-id': 'r1' } })
    expect(rpcLines()).toMatchObject([
      {
        level: 30,
        name: 'probe',
        rpc: 'registrar.probe.v1.ProbeService/Ask',
        code: 'OK',
        requestId: 'r1',
        callerKind: 'user',
        caller: 'partner',
        ms: expect.any(Number),
      },
    ])
    expect(JSON.stringify(lines)).not.toContain('eyJ')
  })
})

test('a refused call is one line that says why', async () => {
  await withServer({}, async (client) => {
    await client.ask({}).catch(() => {})
    await client.work({}, { headers: { authorization: `JWT ${await tokens.mint()}` } }).catch(() => {})
    expect(rpcLines()).toMatchObject([
      { level: 30, code: 'Unauthenticated', reason: 'CREDENTIALS_MISSING' },
      { level: 30, code: 'PermissionDenied', caller: 'partner' },
    ])
  })
})

test('a fault of ours is one line on level error, with its cause', async () => {
  const open = () => {
    throw new TypeError('the cause')
  }
  await withServer({ open }, async (client) => {
    await client.open({}).catch(() => {})
    expect(rpcLines()).toMatchObject([
      {
        level: 50,
        code: 'Internal',
        err: { type: 'TypeError', message: 'the cause', stack: expect.any(String) },
      },
    ])
  })
})

test('an outage is one line on level warn, with its cause', async () => {
  const open = () => {
    throw Object.assign(new Error('connect ECONNREFUSED'), { code: 'ECONNREFUSED' })
  }
  await withServer({ open }, async (client) => {
    const error = await client.open({}).catch((caught: unknown) => caught)
    expect(error).toMatchObject({ code: Code.Unavailable, rawMessage: 'a part of this system is away' })
    expect(rpcLines()).toMatchObject([{ level: 40, code: 'Unavailable', err: { code: 'ECONNREFUSED' } }])
  })
})

test('a stream is one line, written when it ends', async () => {
  async function* count() {
    yield { value: '1' }
    expect(rpcLines()).toEqual([])
    yield { value: '2' }
  }
  await withServer({ count }, async (client) => {
    const options = { headers: { authorization: `JWT ${await tokens.mint()}` } }
    for await (const _ of client.count({}, options));
    expect(rpcLines()).toMatchObject([{ code: 'OK', rpc: 'registrar.probe.v1.ProbeService/Count' }])
  })
})

test('a caller that goes away is no fault', async () => {
  const ended = Promise.withResolvers<void>()
  async function* count() {
    try {
      for (;;) yield { value: 'x'.repeat(100_000) }
    } finally {
      ended.resolve()
    }
  }
  await withServer({ count }, async (client) => {
    const options = { headers: { authorization: `JWT ${await tokens.mint()}` } }
    const caller = new AbortController()
    const read = async () => {
      for await (const _ of client.count({}, { ...options, signal: caller.signal })) caller.abort()
    }
    await expect(read()).rejects.toMatchObject({ code: Code.Canceled })
    await ended.promise
  })
  expect(rpcLines()).toMatchObject([{ level: 30, code: 'Canceled' }])
})

test('health and reflection are told on level debug only', async () => {
  const { Health } = await import('#proto/health/v1/health_pb.ts')
  await withServer({}, async (_, url) => {
    await createRpcClient(Health, url).check({})
    expect(rpcLines()).toMatchObject([{ level: 20, rpc: 'grpc.health.v1.Health/Check' }])
  })
})

test('a call made on behalf of the caller takes along token, request id, time left and signal', async () => {
  let seen: unknown
  await withServer(
    {
      open: (_, context) => {
        seen = { id: requestIdOf(context), timeLeft: context.timeoutMs() }
        return {}
      },
    },
    async (inner) => {
      const ask = async (_: unknown, context: Parameters<typeof callOptionsOf>[0]) => {
        const options = callOptionsOf(context)
        expect(new Headers(options.headers).get('authorization')).toMatch(/^Bearer eyJ/)
        expect(options.timeoutMs).toBeLessThanOrEqual(5_000)
        expect(options.signal).toBe(context.signal)
        await inner.open({}, options)
        return {}
      }
      await withServer({ ask }, async (outer) => {
        const headers = { authorization: `JWT ${await tokens.mint()}`, 'x-request-id': 'r7' }
        await outer.ask({}, { headers, timeoutMs: 5_000 })
      })
    },
  )
  expect(seen).toEqual({ id: 'r7', timeLeft: expect.any(Number) })
  expect((seen as { timeLeft: number }).timeLeft).toBeLessThanOrEqual(5_000)
})

test('a refusal of a service that was called reaches the first caller whole', async () => {
  const open = () => {
    throw new DomainError(Reason.PROGRAM_NOT_FOUND, 'no such program', { metadata: { program: 'p' } })
  }
  await withServer({ open }, async (inner) => {
    const share = async (_: unknown, context: Parameters<typeof callOptionsOf>[0]) =>
      inner.open({}, callOptionsOf(context))
    await withServer({ share }, async (outer) => {
      const headers = { authorization: `Bearer ${await tokens.mintService('operator')}` }
      const error = await outer.share({}, { headers }).catch((caught: unknown) => caught)
      expect(error).toMatchObject({ code: Code.NotFound, rawMessage: 'no such program' })
      const { metadataOf, reasonOf } = await import('./rpc-errors.ts')
      expect(reasonOf(error)).toBe(Reason.PROGRAM_NOT_FOUND)
      expect(metadataOf(error)).toEqual({ program: 'p' })
    })
  })
})

test('without a principal and a deadline, only the request id goes along', () => {
  const values = createContextValues().set(requestIdKey, 'r1').set(principalKey, undefined)
  const { signal } = new AbortController()
  expect(callOptionsOf({ values, signal })).toEqual({ headers: { 'x-request-id': 'r1' }, signal })
  expect(ConnectError.from(new Error()).code).toBe(Code.Unknown)
})
