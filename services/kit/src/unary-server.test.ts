import { once } from 'node:events'
import { connect, constants } from 'node:http2'
import type { HandlerContext } from '@connectrpc/connect'
import { Code, ConnectError, createClient } from '@connectrpc/connect'
import { createConnectTransport } from '@connectrpc/connect-node'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { deadlineKey, principalOf } from './call-context.ts'
import { DomainError, Reason } from './errors.ts'
import { closeRpcConnections, createRpcClient } from './rpc-client.ts'
import { fieldsOf, metadataOf, reasonOf, retryAfterOf } from './rpc-errors.ts'
import type { RpcServer } from './rpc-server.ts'
import { startProbeServer } from './testing/probe-server.ts'
import { ProbeService } from './testing/probe-service.ts'
import { createTestTokens, type TestTokens } from './testing/tokens.ts'

let tokens: TestTokens
let server: RpcServer
let headers: { authorization: string }
const reached = Promise.withResolvers<AbortSignal>()

const answers: Record<string, (context: HandlerContext) => string | Promise<string>> = {
  who: (context) => (principalOf(context) as { username: string }).username,
  headers: (context) => {
    context.responseHeader.set('x-told', `${context.requestHeader.get('x-asked')} told`)
    context.responseTrailer.set('x-late', 'late')
    return 'headers'
  },
  time: ({ values }) => String(values.get(deadlineKey) - Date.now()),
  refuse: () => {
    const fields = [{ field: 'value', description: 'is refused' }]
    throw new DomainError(Reason.UNAVAILABLE, 'not now', {
      fields,
      metadata: { a: 'b' },
      retryAfterSeconds: 7,
    })
  },
  fault: () => {
    throw new Error('learner@school.example has no row')
  },
  stall: ({ signal }) => {
    reached.resolve(signal)
    return new Promise(() => {})
  },
  large: () => 'x'.repeat(300_000),
}

beforeAll(async () => {
  tokens = await createTestTokens()
  headers = { authorization: `JWT ${await tokens.mint()}` }
  server = await startProbeServer(
    tokens,
    { change: async ({ value }, context) => ({ value: await answers[value]?.(context) }) },
    { readMaxBytes: 1_000 },
  )
})
afterAll(async () => {
  closeRpcConnections()
  await server.close()
})

const client = () => createRpcClient(ProbeService, server.url)
const ask = (value: string) => client().change({ value }, { headers })
const errorOf = (call: Promise<unknown>) =>
  call.then(
    () => expect.unreachable('the call should have failed'),
    (error: unknown) => ConnectError.from(error),
  )

test('a call is answered to its caller, with what the handler puts into headers and trailers', async () => {
  expect((await ask('who')).value).toBe('partner')
  const told: (string | null)[] = []
  const { value } = await client().change(
    { value: 'headers' },
    {
      headers: { ...headers, 'x-asked': 'asked' },
      onHeader: (header) => told.push(header.get('x-told')),
      onTrailer: (trailer) => told.push(trailer.get('x-late')),
    },
  )
  expect([value, ...told]).toEqual(['headers', 'asked told', 'late'])
})

test('what is left of the caller’s time goes along', async () => {
  const { value } = await client().change({ value: 'time' }, { headers, timeoutMs: 2_000 })
  expect(Number(value)).toBeGreaterThan(0)
  expect(Number(value)).toBeLessThanOrEqual(2_000)
})

test('a message of many frames is whole', async () => {
  expect((await ask('large')).value).toBe('x'.repeat(300_000))
})

test('a refusal tells its reason, fields, metadata and when to come back', async () => {
  const error = await errorOf(ask('refuse'))
  expect([error.code, error.rawMessage, reasonOf(error)]).toEqual([
    Code.Unavailable,
    'not now',
    Reason.UNAVAILABLE,
  ])
  expect(fieldsOf(error)).toEqual([{ field: 'value', description: 'is refused' }])
  expect([metadataOf(error), retryAfterOf(error)]).toEqual([{ a: 'b' }, 7])
})

test('a fault of ours tells nothing of it', async () => {
  const error = await errorOf(ask('fault'))
  expect([error.code, error.rawMessage]).toEqual([Code.Internal, 'internal error'])
  expect(JSON.stringify(error.details)).not.toContain('learner')
})

test('a message larger than the limit is refused', async () => {
  expect(reasonOf(await errorOf(ask('x'.repeat(2_000))))).toBe(Reason.TOO_LARGE)
})

test('a caller that goes away ends the work', async () => {
  const caller = new AbortController()
  const call = errorOf(client().change({ value: 'stall' }, { headers, signal: caller.signal }))
  const signal = await reached.promise
  caller.abort()
  expect((await call).code).toBe(Code.Canceled)
  if (!signal.aborted) await once(signal, 'abort')
})

test('a server that stops ends what does not end by itself', async () => {
  const begun = Promise.withResolvers<void>()
  const stopping = await startProbeServer(
    tokens,
    {
      change: () => {
        begun.resolve()
        return new Promise(() => {})
      },
    },
    { drainMs: 100 },
  )
  const call = errorOf(createRpcClient(ProbeService, stopping.url, { patienceMs: 0 }).change({}, { headers }))
  await begun.promise
  await stopping.close()
  const error = await call
  expect([error.code, reasonOf(error)]).toEqual([Code.Unavailable, Reason.UNAVAILABLE])
})

async function post(more: Record<string, string>, body: Uint8Array) {
  const session = connect(server.url)
  session.on('error', () => {})
  try {
    const stream = session.request({
      ':method': 'POST',
      ':path': '/registrar.probe.v1.ProbeService/Change',
      'content-type': 'application/proto',
      'content-length': String(body.byteLength),
      'connect-timeout-ms': '5000',
      ...headers,
      ...more,
    })
    stream.end(body)
    const answered = Promise.withResolvers<Record<string, unknown>>()
    stream.on('response', answered.resolve)
    answered.promise.catch(() => {})
    stream.on('error', answered.reject)
    const chunks: Buffer[] = []
    for await (const chunk of stream) chunks.push(chunk as Buffer)
    return { headers: await answered.promise, text: Buffer.concat(chunks).toString('latin1') }
  } finally {
    session.close()
  }
}

test('a message that cannot be read is told', async () => {
  const { headers: answered, text } = await post({}, Buffer.from([0x0a, 0xff, 0xff]))
  expect([answered[':status'], JSON.parse(text).code]).toEqual([400, 'invalid_argument'])
})

test('a body that is longer than it says ends its own connection', async () => {
  await expect(post({ 'content-length': '1' }, Buffer.from('\x0a\x03who'))).rejects.toThrow(/closed/)
  expect((await ask('who')).value).toBe('partner')
})

test('a body that breaks off reaches no handler', async () => {
  const session = connect(server.url)
  const stream = session.request({
    ':method': 'POST',
    ':path': '/registrar.probe.v1.ProbeService/Change',
    'content-type': 'application/proto',
    'content-length': '5',
    'connect-timeout-ms': '5000',
    ...headers,
  })
  stream.on('error', () => {})
  stream.write(Buffer.from('\x0a\x03'))
  stream.close(constants.NGHTTP2_CANCEL)
  await once(stream, 'close')
  session.close()
  expect((await ask('who')).value).toBe('partner')
})

test('a caller who takes compressed answers gets them, from Connect’s own handler', async () => {
  const message = Buffer.from('\x0a\x05large')
  expect((await post({ 'accept-encoding': 'gzip' }, message)).headers['content-encoding']).toBe('gzip')
  expect((await post({}, message)).headers['content-encoding']).toBeUndefined()
  const transport = createConnectTransport({ baseUrl: server.url, httpVersion: '2' })
  const { value } = await createClient(ProbeService, transport).change({ value: 'large' }, { headers })
  expect(value).toBe('x'.repeat(300_000))
})
