import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import { constants, createServer, type Http2Server, type ServerHttp2Stream } from 'node:http2'
import type { AddressInfo } from 'node:net'
import { fileURLToPath } from 'node:url'
import { create, type MessageInitShape, toBinary } from '@bufbuild/protobuf'
import { Code } from '@connectrpc/connect'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import type { ErrorInfoSchema } from '#proto/google/rpc/error_details_pb.ts'
import { DomainError, Reason } from './errors.ts'
import { sessionManagerOf } from './http2-sessions.ts'
import { closeRpcConnections, createRpcClient } from './rpc-client.ts'
import { toConnectError } from './rpc-errors.ts'
import { startProbeServer } from './testing/probe-server.ts'
import { ProbeService } from './testing/probe-service.ts'
import { createTestTokens } from './testing/tokens.ts'

type Act = (stream: ServerHttp2Stream) => void

const answer: Act = (stream) => {
  stream.respond({ ':status': 200, 'content-type': 'application/proto' })
  stream.end()
}
const close =
  (code: number): Act =>
  (stream) =>
    stream.close(code)
const destroySocket: Act = (stream) => stream.session?.socket.destroy()
const destroySession: Act = (stream) => stream.session?.destroy()
const fail =
  (status: number, code: string, reason?: Reason): Act =>
  (stream) => {
    const details = reason === undefined ? [] : detailsOf(new DomainError(reason, code))
    stream.respond({ ':status': status, 'content-type': 'application/json' })
    stream.end(JSON.stringify({ code, message: code, details }))
  }
const detailsOf = (error: DomainError) =>
  toConnectError(error).details.map((detail) => {
    const { desc, value } = detail as {
      desc: typeof ErrorInfoSchema
      value: MessageInitShape<typeof ErrorInfoSchema>
    }
    const bytes = toBinary(desc, create(desc, value))
    return { type: desc.typeName, value: Buffer.from(bytes).toString('base64') }
  })
const stall: Act = () => {}
const breakOffAnswer: Act = (stream) => {
  stream.respond({ ':status': 200, 'content-type': 'application/proto', 'content-length': '100' })
  stream.write('x', () => stream.session?.socket.destroy())
}

// A server that does as it is told, one act for each request, and then answers.
describe('when the server', () => {
  let server: Http2Server
  let acts: Act[]
  let requests: number
  let url: string

  beforeEach(async () => {
    acts = []
    requests = 0
    server = createServer()
    server.on('stream', (stream) => {
      requests++
      stream.on('error', () => {})
      const act = acts.shift() ?? answer
      act(stream)
    })
    server.on('session', (session) => session.on('error', () => {}))
    server.listen(0, '127.0.0.1')
    await once(server, 'listening')
    url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  })
  afterEach(async () => {
    closeRpcConnections()
    server.close()
  })

  const client = (timeoutMs?: number, patienceMs?: number) =>
    createRpcClient(ProbeService, url, { timeoutMs, patienceMs })
  const outcome = (call: Promise<unknown>) =>
    call.then(
      () => 'answered',
      (error: { code: Code }) => Code[error.code],
    )

  test.each<[string, Act]>([
    ['cancels a stream', close(constants.NGHTTP2_CANCEL)],
    ['ends a stream without a word', close(constants.NGHTTP2_NO_ERROR)],
    ['breaks off a stream', close(constants.NGHTTP2_INTERNAL_ERROR)],
    ['drops the connection', destroySocket],
    ['destroys the session', destroySession],
    ['says 503', fail(503, 'unavailable')],
  ])('%s, what has no side effects is tried again and the rest is not', async (_, act) => {
    acts = [act, act]
    expect(await outcome(client().ask({}))).toBe('answered')
    expect(requests).toBe(3)
    acts = [act]
    expect(await outcome(client().change({}))).toBe('Unavailable')
    expect(requests).toBe(4)
    acts = [act]
    const read = async () => {
      for await (const _ of client().count({}));
    }
    expect(await outcome(read())).toBe('Unavailable')
    expect(requests).toBe(5)
  })

  test('ends an answer before it is whole, the call is made again', async () => {
    acts = [breakOffAnswer, breakOffAnswer]
    expect(await outcome(client().ask({}))).toBe('answered')
    expect(requests).toBe(3)
  })

  test('refuses a stream, it has not looked at the call, which is made again whatever it does', async () => {
    acts = Array(3).fill(close(constants.NGHTTP2_REFUSED_STREAM))
    expect(await outcome(client().change({}))).toBe('answered')
    expect(requests).toBe(4)
  })

  test('says nothing for longer, it is tried again until patience ends', async () => {
    acts = Array(99).fill(destroySession)
    const startedAt = performance.now()
    expect(await outcome(client(undefined, 500).ask({}))).toBe('Unavailable')
    expect(performance.now() - startedAt).toBeLessThan(2_000)
    expect(requests).toBeGreaterThan(2)
  })

  test('says why it cannot, three tries are made', async () => {
    acts = Array(9).fill(fail(503, 'unavailable', Reason.UNAVAILABLE))
    expect(await outcome(client().ask({}))).toBe('Unavailable')
    expect(requests).toBe(3)
  })

  test.each([
    ['not_found', 404, 'NotFound'],
    ['internal', 500, 'Internal'],
    ['resource_exhausted', 429, 'ResourceExhausted'],
  ])('answers %s, that is the answer', async (code, status, expected) => {
    acts = [fail(status, code)]
    expect(await outcome(client().ask({}))).toBe(expected)
    expect(requests).toBe(1)
  })

  test('says canceled although nobody canceled, that counts as a broken connection', async () => {
    acts = [fail(499, 'canceled')]
    expect(await outcome(client().change({}))).toBe('Unavailable')
    acts = [fail(499, 'canceled')]
    expect(await outcome(client().ask({}))).toBe('answered')
  })

  test('stalls, the call ends at its deadline, all tries together', async () => {
    acts = [close(constants.NGHTTP2_REFUSED_STREAM), stall]
    expect(await outcome(client(300).ask({}))).toBe('DeadlineExceeded')
    expect(requests).toBe(2)
  })

  test('stalls, the caller can still cancel', async () => {
    acts = [stall]
    const caller = new AbortController()
    const call = outcome(client().ask({}, { signal: caller.signal }))
    await once(server, 'stream')
    caller.abort()
    expect(await call).toBe('Canceled')
    expect(requests).toBe(1)
  })

  test('refuses and the caller cancels before the next try, there is none', async () => {
    const caller = new AbortController()
    acts = [
      (stream) => {
        stream.close(constants.NGHTTP2_REFUSED_STREAM)
        setTimeout(() => caller.abort(), 5)
      },
    ]
    expect(await outcome(client().ask({}, { signal: caller.signal }))).not.toBe('answered')
    expect(requests).toBe(1)
  })

  test('says GOAWAY on an idle connection again and again, no call fails and nothing is uncaught', async () => {
    const sessions: { goaway(): void; destroyed: boolean }[] = []
    server.on('session', (session) => sessions.push(session))
    for (let i = 0; i < 100; i++) {
      expect(await outcome(client().ask({}))).toBe('answered')
      sessions.at(-1)?.goaway()
      if (i % 2 === 0) await new Promise((resolve) => setImmediate(resolve))
    }
    expect(sessions.length).toBeGreaterThan(10)
  })

  test('is given up, a late error of its connection has a listener', async () => {
    await client().ask({})
    const manager = sessionManagerOf(url)
    const stream = await manager.request('POST', '/', {}, {})
    const { session } = stream
    stream.on('error', () => {})
    closeRpcConnections()
    await new Promise((resolve) => stream.on('close', resolve))
    expect(() => session?.emit('error', new Error('received GOAWAY'))).not.toThrow()
  })
})

test('clients of one server share its connection', async () => {
  const tokens = await createTestTokens()
  const server = await startProbeServer(tokens, { open: () => ({}) })
  try {
    await Promise.all(
      Array.from({ length: 5 }, () => createRpcClient(ProbeService, `${server.url}/`).open({})),
    )
    expect(sessionManagerOf(server.url)).toBe(sessionManagerOf(`${server.url}/`))
  } finally {
    closeRpcConnections()
    await server.close()
  }
})

test('a process that calls under its own name brings its token, but not over its caller’s', async () => {
  const tokens = await createTestTokens()
  const whoCalls = async (_: unknown, { requestHeader }: { requestHeader: Headers }) => ({
    value: requestHeader.get('authorization') ?? '',
  })
  const server = await startProbeServer(tokens, { share: whoCalls, open: whoCalls })
  try {
    const token = () => tokens.mintService('operator')
    const client = createRpcClient(ProbeService, server.url, { token })
    expect((await client.share({})).value).toMatch(/^Bearer eyJ/)
    const authorization = `JWT ${await tokens.mint()}`
    expect((await client.share({}, { headers: { authorization } })).value).toBe(authorization)
    expect((await createRpcClient(ProbeService, server.url).open({})).value).toBe('')
  } finally {
    await server.close()
  }
})

describe('a server that is killed', () => {
  const script = fileURLToPath(new URL('./testing/probe-process.ts', import.meta.url))
  const children: ChildProcess[] = []

  async function start(port: number): Promise<ChildProcess> {
    const child = fork(script, [String(port)])
    children.push(child)
    await once(child, 'message')
    return child
  }
  async function kill(child: ChildProcess): Promise<void> {
    child.kill('SIGKILL')
    await once(child, 'exit')
  }
  async function freePort(): Promise<number> {
    const server = createServer()
    server.listen(0, '127.0.0.1')
    await once(server, 'listening')
    const { port } = server.address() as AddressInfo
    await new Promise((resolve) => server.close(resolve))
    return port
  }
  afterEach(() => {
    for (const child of children.splice(0)) child.kill('SIGKILL')
    closeRpcConnections()
  })

  test('and started again between two calls: the next call succeeds', async () => {
    const port = await freePort()
    const client = createRpcClient(ProbeService, `http://127.0.0.1:${port}`)
    for (let round = 0; round < 2; round++) {
      const child = await start(port)
      expect((await client.ask({})).value).toBe(String(child.pid))
      expect((await client.ask({})).value).toBe(String(child.pid))
      await kill(child)
    }
    const clientWith = (patienceMs: number) =>
      createRpcClient(ProbeService, `http://127.0.0.1:${port}`, { patienceMs, timeoutMs: 50_000 })
    await expect(clientWith(0).ask({})).rejects.toMatchObject({ code: Code.Unavailable })
    const waiting = clientWith(40_000).ask({})
    const last = await start(port)
    expect((await waiting).value).toBe(String(last.pid))
  })

  test('during a call with side effects: the call is unavailable', async () => {
    const port = await freePort()
    const child = await start(port)
    const client = createRpcClient(ProbeService, `http://127.0.0.1:${port}`)
    await client.ask({})
    const call = expect(client.change({})).rejects.toMatchObject({ code: Code.Unavailable })
    await client.ask({})
    await kill(child)
    await call
  })
})
