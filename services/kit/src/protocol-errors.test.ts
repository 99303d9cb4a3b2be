import { connect as connectHttp2, type IncomingHttpHeaders } from 'node:http2'
import { gzipSync } from 'node:zlib'
import { Code, ConnectError, createClient } from '@connectrpc/connect'
import { errorFromJsonBytes } from '@connectrpc/connect/protocol-connect'
import { findTrailerError } from '@connectrpc/connect/protocol-grpc'
import { createConnectTransport, createGrpcWebTransport } from '@connectrpc/connect-node'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { Reason } from './errors.ts'
import { reasonOf } from './rpc-errors.ts'
import type { RpcServer } from './rpc-server.ts'
import { startProbeServer } from './testing/probe-server.ts'
import { ProbeService } from './testing/probe-service.ts'
import { createTestTokens, type TestTokens } from './testing/tokens.ts'

let tokens: TestTokens
let server: RpcServer
beforeAll(async () => {
  tokens = await createTestTokens()
  server = await startProbeServer(
    tokens,
    {
      open: () => ({ value: 'open' }),
      async *count({ value }) {
        yield { value }
      },
    },
    { readMaxBytes: 1_000 },
  )
})
afterAll(() => server.close())

const path = '/registrar.probe.v1.ProbeService/Open'

/** The error that comes back for bytes that no client sends; fails the test when there is none. */
async function refusalOf(headers: Record<string, string>, body: Uint8Array): Promise<ConnectError> {
  const session = connectHttp2(server.url)
  try {
    const stream = session.request({ ':method': 'POST', ':path': path, te: 'trailers', ...headers })
    let given: IncomingHttpHeaders = {}
    stream.on('response', (answer) => Object.assign(given, answer))
    stream.on('trailers', (trailers) => Object.assign(given, trailers))
    stream.end(body)
    const chunks: Buffer[] = []
    for await (const chunk of stream) chunks.push(chunk)
    given = Object.fromEntries(Object.entries(given).filter(([name]) => !name.startsWith(':')))
    const fallback = new ConnectError('no error', Code.Unknown)
    return headers['content-type']?.startsWith('application/grpc')
      ? (findTrailerError(new Headers(given as Record<string, string>)) ?? fallback)
      : errorFromJsonBytes(Buffer.concat(chunks), undefined, fallback)
  } finally {
    session.destroy()
  }
}

function frame(message: Uint8Array, flags = 0, length = message.length): Buffer {
  const head = Buffer.alloc(5)
  head[0] = flags
  head.writeUInt32BE(length, 1)
  return Buffer.concat([head, message])
}

const grpc = { 'content-type': 'application/grpc' }
const proto = { 'content-type': 'application/proto' }
const json = { 'content-type': 'application/json' }
const gzipped = { ...grpc, 'grpc-encoding': 'gzip' }
const truncated = Buffer.from([0x0a, 0x7f, 0x41])
const long = Buffer.alloc(5_000, 0x20)

describe('what the protocol refuses by itself tells its reason:', () => {
  test.each<[name: string, headers: Record<string, string>, body: Buffer]>([
    ['a message of gRPC that breaks off', grpc, frame(truncated)],
    ['text of gRPC that is not UTF-8', grpc, frame(Buffer.from([0x0a, 2, 0xff, 0xfe]))],
    ['less than gRPC announced', grpc, frame(truncated, 0, 500)],
    ['what is not compressed as gRPC says', gzipped, frame(truncated, 1)],
    ['a time that gRPC does not know', { ...grpc, 'grpc-timeout': 'soon' }, frame(Buffer.alloc(0))],
    ['a message of Connect that breaks off', proto, truncated],
    ['the same, when it says how long it is', { ...proto, 'content-length': '3' }, truncated],
    ['the same, when it says what it takes', { ...proto, 'accept-encoding': 'gzip' }, truncated],
    ['JSON that breaks off', json, Buffer.from('{"value": "x')],
    ['JSON of another form', json, Buffer.from('{"value": 1}')],
  ])('%s', async (_, headers, body) => {
    const refusal = await refusalOf(headers, body)
    expect([Code[refusal.code], reasonOf(refusal)]).toEqual(['InvalidArgument', Reason.INVALID_ARGUMENT])
    expect(refusal.rawMessage).not.toBe('')
  })

  test.each<[name: string, headers: Record<string, string>, body: Buffer]>([
    ['in gRPC', grpc, frame(long)],
    ['announced in gRPC', grpc, frame(truncated, 0, 100_000_000)],
    ['that was compressed, in gRPC', gzipped, frame(gzipSync(long), 1)],
    ['in Connect', proto, long],
    ['in JSON', json, long],
  ])('a message that is too large %s', async (_, headers, body) => {
    const refusal = await refusalOf(headers, body)
    expect([Code[refusal.code], reasonOf(refusal)]).toEqual(['InvalidArgument', Reason.TOO_LARGE])
  })

  test('a message that is too large, in gRPC-Web and for a stream of Connect', async () => {
    const options = { baseUrl: server.url, httpVersion: '2' as const }
    const web = createClient(ProbeService, createGrpcWebTransport(options))
    const connect = createClient(ProbeService, createConnectTransport(options))
    const value = 'x'.repeat(2_000)
    const headers = { authorization: `JWT ${await tokens.mint()}` }
    const read = async () => {
      for await (const _ of connect.count({ value }, { headers })) expect.unreachable()
    }
    for (const call of [web.open({ value }), read()]) {
      const refusal = await call.then(
        () => expect.unreachable(),
        (error: unknown) => ConnectError.from(error),
      )
      expect([Code[refusal.code], reasonOf(refusal)]).toEqual(['InvalidArgument', Reason.TOO_LARGE])
    }
  })

  test('a message of a stream that breaks off', async () => {
    const refusal = await refusalOf(
      { ...grpc, authorization: `JWT ${await tokens.mint()}`, ':path': path.replace('Open', 'Count') },
      frame(truncated),
    )
    expect([Code[refusal.code], reasonOf(refusal)]).toEqual(['InvalidArgument', Reason.INVALID_ARGUMENT])
  })

  test('what is not implemented has a code that says so', async () => {
    const refusal = await refusalOf({ ...grpc, 'grpc-encoding': 'snappy' }, frame(truncated, 1))
    expect(refusal.code).toBe(Code.Unimplemented)
  })
})
