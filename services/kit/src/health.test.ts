import { once } from 'node:events'
import { createRequire } from 'node:module'
import { credentials, loadPackageDefinition, type ServiceError, status } from '@grpc/grpc-js'
import { loadSync } from '@grpc/proto-loader'
import { afterEach, beforeEach, expect, test } from 'vitest'
import type { RpcServer } from './rpc-server.ts'
import { startProbeServer } from './testing/probe-server.ts'
import { createTestTokens } from './testing/tokens.ts'

// The proto and the client that every gRPC health checker is made of.
const protoPath = createRequire(import.meta.url)
  .resolve('grpc-health-check')
  .replace(/build[\\/].*$/, 'proto/health/v1/health.proto')
const { grpc } = loadPackageDefinition(loadSync(protoPath, { enums: String })) as never as {
  grpc: { health: { v1: { Health: new (...args: unknown[]) => HealthClient } } }
}
type Answer = { status: string }
type HealthClient = {
  check(request: { service: string }, done: (error: ServiceError | null, answer: Answer) => void): void
  watch(request: { service: string }): NodeJS.EventEmitter & { cancel(): void }
  list(
    request: object,
    done: (error: ServiceError | null, answer: { statuses: Record<string, Answer> }) => void,
  ): void
  close(): void
}

let server: RpcServer
let client: HealthClient
let isReady: () => Promise<boolean>

beforeEach(async () => {
  isReady = async () => true
  server = await startProbeServer(await createTestTokens(), {}, { isReady: () => isReady() })
  client = new grpc.health.v1.Health(new URL(server.url).host, credentials.createInsecure())
})
afterEach(async () => {
  client.close()
  await server.close()
})

function check(service: string): Promise<string> {
  return new Promise((resolve, reject) => {
    client.check({ service }, (error, answer) => (error ? reject(error) : resolve(answer.status)))
  })
}

test.each(['', 'registrar.probe.v1.ProbeService'])('%j serves, without a token', async (service) => {
  expect(await check(service)).toBe('SERVING')
})

test('an unknown service is not found', async () => {
  await expect(check('registrar.Nothing')).rejects.toMatchObject({ code: status.NOT_FOUND })
})

test('a process that is not ready says so, and says again when it is', async () => {
  isReady = async () => false
  expect(await check('')).toBe('NOT_SERVING')
  isReady = async () => Promise.reject(new Error('the database is away'))
  expect(await check('registrar.probe.v1.ProbeService')).toBe('NOT_SERVING')
  isReady = () => new Promise(() => {})
  expect(await check('')).toBe('NOT_SERVING')
  isReady = async () => true
  expect(await check('')).toBe('SERVING')
})

test('all services are listed', async () => {
  const statuses = await new Promise((resolve, reject) => {
    client.list({}, (error, answer) => (error ? reject(error) : resolve(answer.statuses)))
  })
  expect(statuses).toEqual({
    '': { status: 'SERVING' },
    'registrar.probe.v1.ProbeService': { status: 'SERVING' },
  })
})

test('a watcher is told each change, and the end', async () => {
  const seen: string[] = []
  const watching = client.watch({ service: '' })
  watching.on('data', (answer: Answer) => seen.push(answer.status))
  watching.on('error', () => {})
  await once(watching, 'data')
  isReady = async () => false
  await once(watching, 'data')
  isReady = async () => true
  await once(watching, 'data')
  const ended = once(watching, 'end')
  await server.close()
  await ended
  expect(seen).toEqual(['SERVING', 'NOT_SERVING', 'SERVING', 'NOT_SERVING'])
})

test('a watcher of an unknown service waits for it', async () => {
  const watching = client.watch({ service: 'registrar.Nothing' })
  watching.on('error', () => {})
  const [answer] = await once(watching, 'data')
  expect(answer).toEqual({ status: 'SERVICE_UNKNOWN' })
  watching.cancel()
})
