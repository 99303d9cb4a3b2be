import { once } from 'node:events'
import { mkdtemp, rm } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { connect, type SecureVersion, type TLSSocket } from 'node:tls'
import { Code, createClient } from '@connectrpc/connect'
import { createGrpcTransport, createGrpcWebTransport } from '@connectrpc/connect-node'
import { type ChannelCredentials, credentials, loadPackageDefinition, status } from '@grpc/grpc-js'
import { loadSync } from '@grpc/proto-loader'
import { pino } from 'pino'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { closeRpcConnections, createRpcClient } from './rpc-client.ts'
import type { RpcServer } from './rpc-server.ts'
import {
  createTestAuthority,
  type TestAuthority,
  type TestPair,
  writeCertificates,
} from './testing/certificates.ts'
import { startProbeServer } from './testing/probe-server.ts'
import { ProbeService } from './testing/probe-service.ts'
import { createTestTokens, type TestTokens } from './testing/tokens.ts'
import { openTlsFiles, type TlsFiles } from './tls-files.ts'

let folder: string
let tokens: TestTokens
let authority: TestAuthority
let pair: TestPair
let server: RpcServer
const logger = pino({ level: 'silent' })

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'registrar-tls-'))
  tokens = await createTestTokens()
  authority = await createTestAuthority()
  pair = await authority.issue()
})
afterEach(async () => {
  closeRpcConnections()
  await server.close()
  await rm(folder, { recursive: true })
})

/** Files of this content; `name` tells apart those that two processes would have. */
async function filesOf(content: Partial<TestPair> & { ca?: string }, name = 'tls'): Promise<TlsFiles> {
  const paths = await writeCertificates(folder, content, name)
  const path = (part: keyof typeof paths) =>
    content[part] === undefined ? undefined : { setting: part, path: paths[part] }
  return openTlsFiles({ cert: path('cert'), key: path('key'), ca: path('ca') }, logger)
}

async function start(areClientsVerified: boolean): Promise<TlsFiles> {
  const files = await filesOf({ ...pair, ca: authority.cert })
  server = await startProbeServer(
    tokens,
    { ask: () => ({ value: 'answer' }), open: () => ({ value: 'answer' }) },
    { tls: { files, areClientsVerified } },
  )
  return files
}

const clientWith = (tls: TlsFiles | undefined) =>
  createRpcClient(ProbeService, server.url, { tls, patienceMs: 0, token: () => tokens.mint() })
const outcomeOf = (call: Promise<{ value: string }>) =>
  call.then(
    ({ value }) => value,
    (error: { code: Code }) => Code[error.code],
  )

// What every gRPC health checker is made of.
const healthProto = createRequire(import.meta.url)
  .resolve('grpc-health-check')
  .replace(/build[\\/].*$/, 'proto/health/v1/health.proto')
const { grpc } = loadPackageDefinition(loadSync(healthProto, { enums: String })) as never as {
  grpc: { health: { v1: { Health: new (address: string, channel: ChannelCredentials) => HealthClient } } }
}
type HealthClient = {
  check(request: object, done: (error: { code: status } | null, answer: { status: string }) => void): void
  close(): void
}

function checkByGrpcJs(...shown: (string | undefined)[]): Promise<string> {
  const [ca, key, cert] = shown.map((pem) => (pem === undefined ? null : Buffer.from(pem)))
  const client = new grpc.health.v1.Health(new URL(server.url).host, credentials.createSsl(ca, key, cert))
  return new Promise<string>((resolve) => {
    client.check({}, (error, answer) => resolve(error === null ? answer.status : (status[error.code] ?? '')))
  }).finally(() => client.close())
}

test('over TLS the server speaks Connect, gRPC and gRPC-Web to who trusts its authority', async () => {
  const files = await start(false)
  expect(server.url).toMatch(/^https:/)
  expect(await outcomeOf(clientWith(files).ask({}))).toBe('answer')
  const nodeOptions = { ca: authority.cert }
  for (const createTransport of [createGrpcTransport, createGrpcWebTransport]) {
    const transport = createTransport({ baseUrl: server.url, httpVersion: '2', nodeOptions })
    expect(await outcomeOf(createClient(ProbeService, transport).open({}))).toBe('answer')
  }
  expect(await checkByGrpcJs(authority.cert)).toBe('SERVING')
})

test('a server of an authority that is not trusted is not called', async () => {
  await start(false)
  const stranger = await createTestAuthority('Somebody else')
  expect(await outcomeOf(clientWith(await filesOf({ ca: stranger.cert }, 'stranger')).open({}))).toBe(
    'Unavailable',
  )
  expect(await outcomeOf(clientWith(undefined).open({}))).toBe('Unavailable')
  expect(await checkByGrpcJs(stranger.cert)).toBe('UNAVAILABLE')
})

test('a caller without a certificate, or with one of another authority, is refused when they are required', async () => {
  const files = await start(true)
  expect(await outcomeOf(clientWith(files).open({}))).toBe('answer')
  expect(await checkByGrpcJs(authority.cert, pair.key, pair.cert)).toBe('SERVING')

  expect(await outcomeOf(clientWith(await filesOf({ ca: authority.cert }, 'bare')).open({}))).toBe(
    'Unavailable',
  )
  expect(await checkByGrpcJs(authority.cert)).toBe('UNAVAILABLE')

  const stranger = await createTestAuthority('Somebody else')
  const { cert, key } = await stranger.issue()
  const theirs = await filesOf({ cert, key, ca: authority.cert }, 'stranger')
  expect(await outcomeOf(clientWith(theirs).open({}))).toBe('Unavailable')
  expect(await checkByGrpcJs(authority.cert, key, cert)).toBe('UNAVAILABLE')
})

test('a certificate does not take the place of a token', async () => {
  const tls = await start(true)
  expect(await outcomeOf(createRpcClient(ProbeService, server.url, { tls }).ask({}))).toBe('Unauthenticated')
  expect(await outcomeOf(clientWith(tls).ask({}))).toBe('answer')
})

async function handshake(version?: SecureVersion): Promise<TLSSocket> {
  const socket = connect({
    ...{
      host: '127.0.0.1',
      port: Number(new URL(server.url).port),
      ca: authority.cert,
      ALPNProtocols: ['h2'],
    },
    ...(version && { minVersion: 'TLSv1', maxVersion: version, ciphers: 'DEFAULT@SECLEVEL=0' }),
  })
  socket.on('error', () => {})
  await once(socket, 'secureConnect')
  socket.destroy()
  return socket
}

test('TLS 1.2 and 1.3 are spoken, older ones are not', async () => {
  await start(false)
  expect((await handshake('TLSv1.3')).alpnProtocol).toBe('h2')
  expect((await handshake('TLSv1.2')).alpnProtocol).toBe('h2')
  await expect(handshake('TLSv1.1')).rejects.toThrow()
})

test('certificates and authorities are replaced while calls go on, and none of them fails', async () => {
  const files = await start(true)
  const outcomes = new Map<string, number>()
  let isOver = false
  const caller = async () => {
    const client = createRpcClient(ProbeService, server.url, { tls: files, token: () => tokens.mint() })
    while (!isOver) {
      const outcome = await outcomeOf(client.ask({}))
      outcomes.set(outcome, (outcomes.get(outcome) ?? 0) + 1)
    }
  }
  const callers = Array.from({ length: 4 }, caller)
  const answered = () => outcomes.get('answer') ?? 0
  const untilMore = (before = answered()) => expect.poll(answered).toBeGreaterThan(before + 20)
  await untilMore()

  const next = await createTestAuthority('The next authority')
  const theirs = await next.issue()
  // In this order nobody meets a certificate that it does not trust yet.
  await writeCertificates(folder, { ca: authority.cert + next.cert })
  files.read()
  await writeCertificates(folder, theirs)
  files.read()
  await untilMore()
  // Calls went on by the old connection. Those in flight on it are made again, on a new one.
  closeRpcConnections()
  await untilMore()
  await writeCertificates(folder, { ca: next.cert })
  files.read()
  closeRpcConnections()
  await untilMore()

  isOver = true
  await Promise.all(callers)
  expect([...outcomes.keys()]).toEqual(['answer'])
  // Whoever still shows what the former authority signed is a stranger now.
  expect(await checkByGrpcJs(next.cert, theirs.key, theirs.cert)).toBe('SERVING')
  expect(await checkByGrpcJs(next.cert, pair.key, pair.cert)).toBe('UNAVAILABLE')
})
