import { connect as connectHttp2 } from 'node:http2'
import { setTimeout as sleep } from 'node:timers/promises'
import { Code, ConnectError, createClient, type HandlerContext } from '@connectrpc/connect'
import { createConnectTransport, createGrpcTransport, createGrpcWebTransport } from '@connectrpc/connect-node'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { principalOf } from './call-context.ts'
import { ConfigError } from './config.ts'
import { DomainError, Reason } from './errors.ts'
import { createRpcClient } from './rpc-client.ts'
import { fieldsOf, metadataOf, reasonOf } from './rpc-errors.ts'
import type { RpcServer } from './rpc-server.ts'
import { startProbeServer } from './testing/probe-server.ts'
import { ProbeService } from './testing/probe-service.ts'
import { createTestTokens, type TestTokens } from './testing/tokens.ts'

let tokens: TestTokens
let server: RpcServer
let served = 0

const whoCalls = (_: unknown, context: HandlerContext) => {
  served++
  const principal = principalOf(context)
  return { value: principal.kind === 'user' ? principal.username : principal.service }
}

beforeAll(async () => {
  tokens = await createTestTokens()
  server = await startProbeServer(
    tokens,
    {
      ask: ({ value }, context) => {
        if (value === 'unknown') throw new Error('learner@school.example has no row')
        if (value === 'refused') {
          const fields = [{ field: 'value', description: 'is refused' }]
          throw new DomainError(Reason.INVALID_ARGUMENT, 'refused', { fields, metadata: { limit: '25' } })
        }
        return whoCalls(value, context)
      },
      change: whoCalls,
      work: whoCalls,
      share: whoCalls,
      open: () => ({ value: 'open' }),
      async *count({ value }) {
        for (let i = 0; i < Number(value); i++) yield { value: String(i) }
        if (value === '2') throw new DomainError(Reason.UPSTREAM_FAILED, 'broke off')
      },
    },
    { readMaxBytes: 1_000 },
  )
})
afterAll(() => server.close())

const asUser = async (claims = {}) => ({ headers: { authorization: `JWT ${await tokens.mint(claims)}` } })
const asService = async (name: 'jobs-worker' | 'operator') => ({
  headers: { authorization: `Bearer ${await tokens.mintService(name)}` },
})

async function errorOf(call: Promise<unknown>): Promise<ConnectError> {
  return call.then(
    () => expect.unreachable('the call should have failed'),
    (error: unknown) => ConnectError.from(error),
  )
}

describe.each([
  ['Connect', createConnectTransport],
  ['gRPC', createGrpcTransport],
  ['gRPC-Web', createGrpcWebTransport],
])('over %s', (_, createTransport) => {
  const client = () => createClient(ProbeService, createTransport({ baseUrl: server.url, httpVersion: '2' }))

  test('a call is answered', async () => {
    expect((await client().ask({}, await asUser())).value).toBe('partner')
  })

  test('a stream is answered', async () => {
    const values: string[] = []
    for await (const { value } of client().count({ value: '3' }, await asUser())) values.push(value)
    expect(values).toEqual(['0', '1', '2'])
  })

  test('a refusal tells its reason, fields and metadata', async () => {
    const error = await errorOf(client().ask({ value: 'refused' }, await asUser()))
    expect(error.code).toBe(Code.InvalidArgument)
    expect(error.rawMessage).toBe('refused')
    expect(reasonOf(error)).toBe(Reason.INVALID_ARGUMENT)
    expect(fieldsOf(error)).toEqual([{ field: 'value', description: 'is refused' }])
    expect(metadataOf(error)).toEqual({ limit: '25' })
  })

  test('a stream that breaks off tells its reason after what it had', async () => {
    const values: string[] = []
    const error = await errorOf(
      (async () => {
        for await (const { value } of client().count({ value: '2' }, await asUser())) values.push(value)
      })(),
    )
    expect(values).toEqual(['0', '1'])
    expect(reasonOf(error)).toBe(Reason.UPSTREAM_FAILED)
  })

  test('a fault of ours tells nothing of it', async () => {
    const error = await errorOf(client().ask({ value: 'unknown' }, await asUser()))
    expect(error.code).toBe(Code.Internal)
    expect(error.rawMessage).toBe('internal error')
    expect(JSON.stringify(error.details)).not.toContain('learner')
  })

  test('a message larger than the limit is refused', async () => {
    const error = await errorOf(client().ask({ value: 'x'.repeat(2_000) }, await asUser()))
    expect([error.code, reasonOf(error)]).toEqual([Code.InvalidArgument, Reason.TOO_LARGE])
  })
})

describe('who may call', () => {
  const client = () => createRpcClient(ProbeService, server.url)

  test.each([
    ['ask', 'a user', true],
    ['ask', 'jobs-worker', false],
    ['ask', 'operator', false],
    ['work', 'a user', false],
    ['work', 'jobs-worker', true],
    ['work', 'operator', false],
    ['share', 'a user', true],
    ['share', 'jobs-worker', false],
    ['share', 'operator', true],
  ] as const)('%s by %s: %s', async (method, caller, isAdmitted) => {
    const before = served
    const options = caller === 'a user' ? await asUser() : await asService(caller)
    const call = client()[method]({}, options)
    if (isAdmitted) {
      expect((await call).value).toBe(caller === 'a user' ? 'partner' : caller)
    } else {
      const error = await errorOf(call)
      expect(error.code).toBe(Code.PermissionDenied)
      expect(reasonOf(error)).toBe(Reason.PERMISSION_DENIED)
      expect(served).toBe(before)
    }
  })

  test.each([
    ['no token', undefined, 'Authentication credentials were not provided.', Reason.CREDENTIALS_MISSING],
    ['a bad token', 'JWT garbage', 'Invalid token.', Reason.TOKEN_INVALID],
    [
      'another scheme',
      'Basic eDp5',
      'Authentication credentials were not provided.',
      Reason.CREDENTIALS_MISSING,
    ],
  ])('%s reaches no handler', async (_, authorization, message, reason) => {
    const before = served
    for (const method of ['ask', 'work', 'share'] as const) {
      const error = await errorOf(client()[method]({}, { headers: authorization ? { authorization } : {} }))
      expect(error.code).toBe(Code.Unauthenticated)
      expect(error.rawMessage).toBe(message)
      expect(reasonOf(error)).toBe(reason)
    }
    expect(served).toBe(before)
  })

  test('a restricted token is refused, also where the operator would be admitted', async () => {
    for (const method of ['ask', 'share'] as const) {
      const error = await errorOf(client()[method]({}, await asUser({ is_restricted: true })))
      expect(error.code).toBe(Code.PermissionDenied)
      expect(reasonOf(error)).toBe(Reason.TOKEN_RESTRICTED)
    }
  })

  test('a stream is guarded as a call is', async () => {
    const read = async () => {
      for await (const _ of client().count({ value: '1' })) expect.unreachable()
    }
    expect(reasonOf(await errorOf(read()))).toBe(Reason.CREDENTIALS_MISSING)
  })

  test('what is open takes no token, and does not look at one', async () => {
    expect((await client().open({})).value).toBe('open')
    expect((await client().open({}, { headers: { authorization: 'JWT garbage' } })).value).toBe('open')
  })
})

describe('what is no call', () => {
  async function post(path: string, body: string, type = 'application/json') {
    const session = connectHttp2(server.url)
    try {
      const stream = session.request({ ':method': 'POST', ':path': path, 'content-type': type })
      stream.end(body)
      const status = new Promise<number>((resolve, reject) => {
        stream.on('response', (headers) => resolve(Number(headers[':status'])))
        stream.on('error', reject)
      })
      stream.resume()
      return await status
    } finally {
      session.close()
    }
  }

  test.each([
    ['an unknown method', '/registrar.probe.v1.ProbeService/Nothing', '{}', 'application/json', 404],
    ['an unknown type', '/registrar.probe.v1.ProbeService/Open', '{}', 'text/plain', 415],
    ['broken JSON', '/registrar.probe.v1.ProbeService/Open', '{', 'application/json', 400],
    ['JSON of another form', '/registrar.probe.v1.ProbeService/Open', '[1]', 'application/json', 400],
  ])('%s', async (_, path, body, type, status) => {
    expect(await post(path, body, type)).toBe(status)
  })

  test('a connection that speaks something else harms nobody', async () => {
    const { connect } = await import('node:net')
    const { hostname, port } = new URL(server.url)
    const socket = connect(Number(port), hostname, () => socket.write('GET / HTTP/1.1\r\n\r\n'))
    socket.on('error', () => {})
    await new Promise((resolve) => socket.on('close', resolve).resume())
    expect((await createRpcClient(ProbeService, server.url).open({})).value).toBe('open')
  })
})

test('a port that is taken is told in a sentence', async () => {
  const port = Number(new URL(server.url).port)
  const starting = startProbeServer(tokens, {}, { port, name: 'access-control' })
  await expect(starting).rejects.toThrow(ConfigError)
  await expect(starting).rejects.toThrow(
    `Port ${port} is taken: stop what uses it, or set ACCESS_CONTROL_PORT to a free one.`,
  )
})

describe('closing', () => {
  test('lets calls in flight end', async () => {
    const gate = Promise.withResolvers<void>()
    const reached = Promise.withResolvers<void>()
    const closing = await startProbeServer(tokens, {
      async open() {
        reached.resolve()
        await gate.promise
        return { value: 'ended' }
      },
    })
    const call = createRpcClient(ProbeService, closing.url).open({})
    await reached.promise
    const closed = closing.close()
    await sleep(50)
    gate.resolve()
    expect((await call).value).toBe('ended')
    await closed
  })

  test('ends calls that do not end by themselves', async () => {
    const reached = Promise.withResolvers<void>()
    const aborted = Promise.withResolvers<unknown>()
    const closing = await startProbeServer(
      tokens,
      {
        async *count(_, context) {
          yield { value: 'first' }
          context.signal.addEventListener('abort', () => aborted.resolve(context.signal.reason))
          reached.resolve()
          await new Promise(() => {})
        },
      },
      { drainMs: 100 },
    )
    const read = async () => {
      for await (const _ of createRpcClient(ProbeService, closing.url).count({}, await asUser()));
    }
    const reading = errorOf(read())
    await reached.promise
    await closing.close()
    const error = await reading
    expect(error.code).toBe(Code.Unavailable)
    expect(reasonOf(error)).toBe(Reason.UNAVAILABLE)
    expect(await aborted.promise).toBeDefined()
  })

  test('does not wait for a caller who has stopped reading a stream', async () => {
    const handlers = {
      async *count() {
        yield { value: 'first' }
        await new Promise(() => {})
      },
    }
    const closing = await startProbeServer(tokens, handlers, { drainMs: 100 })
    for await (const _ of createRpcClient(ProbeService, closing.url).count({}, await asUser())) break
    await closing.close()
  }, 8_000)

  test('takes no new calls', async () => {
    const closing = await startProbeServer(tokens, { open: () => ({ value: 'open' }) })
    const client = createRpcClient(ProbeService, closing.url)
    await client.open({})
    await closing.close()
    expect((await errorOf(client.open({}))).code).toBe(Code.Unavailable)
  })
})
