import { once } from 'node:events'
import { connect } from 'node:http2'
import { Code } from '@connectrpc/connect'
import { pino } from 'pino'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { findFreePorts } from '#stack/ports.ts'
import { DomainError, Reason } from './errors.ts'
import { createMetrics, type Metrics } from './metrics.ts'
import { startOperationsServer } from './operations-server.ts'
import { createReadiness } from './readiness.ts'
import { closeRpcConnections, createRpcClient } from './rpc-client.ts'
import type { RpcServer } from './rpc-server.ts'
import { startProbeServer } from './testing/probe-server.ts'
import { ProbeService } from './testing/probe-service.ts'
import { readMetrics } from './testing/read-metrics.ts'
import { createTestTokens, type TestTokens } from './testing/tokens.ts'

let tokens: TestTokens
let server: RpcServer
let served: Metrics
let called: Metrics
let release: () => void
let holding = 0

beforeEach(async () => {
  tokens = await createTestTokens()
  served = createMetrics(false)
  called = createMetrics(false)
  const held = new Promise<void>((resolve) => {
    release = resolve
  })
  server = await startProbeServer(
    tokens,
    {
      ask: async ({ value }) => {
        if (value === 'nothing') throw new DomainError(Reason.PROGRAM_NOT_FOUND, 'Not found.')
        if (value === 'hold') {
          holding++
          await held
        }
        return { value }
      },
      async *count() {
        yield { value: '1' }
        yield { value: '2' }
      },
    },
    { metrics: served },
  )
})
afterEach(async () => {
  release()
  closeRpcConnections()
  await server.close()
})

function probe(token = () => tokens.mint({ preferred_username: 'somebody' })) {
  return createRpcClient(ProbeService, server.url, { token, metrics: called })
}
const series = (side: 'server' | 'client', method: string, code: string) =>
  `rpc_${side}_call_duration_seconds_count{service="registrar.probe.v1.ProbeService",method="${method}",code="${code}"}`

test('calls are measured on both sides, by method and code', async () => {
  const client = probe()
  await client.ask({ value: 'a' })
  await client.ask({ value: 'b' })
  await client.ask({ value: 'nothing' }).catch(() => {})
  for await (const _ of client.count({}));
  expect(await readMetrics(served, 'rpc_server')).toEqual({
    [series('server', 'Ask', 'OK')]: 2,
    [series('server', 'Ask', 'NotFound')]: 1,
    [series('server', 'Count', 'OK')]: 1,
  })
  expect(await readMetrics(called, 'rpc_client')).toEqual({
    [series('client', 'Ask', 'OK')]: 2,
    [series('client', 'Ask', 'NotFound')]: 1,
    [series('client', 'Count', 'OK')]: 1,
  })
})

test('a stream that its reader ends early is measured, too', async () => {
  const enough = new AbortController()
  for await (const { value } of probe().count({}, { signal: enough.signal })) if (value === '1') break
  enough.abort()
  expect(await readMetrics(called, 'rpc_client')).toEqual({ [series('client', 'Count', 'Canceled')]: 1 })
})

test('tokens that are refused are counted by reason', async () => {
  await probe(async () => 'a.b.c')
    .ask({})
    .catch(() => {})
  expect(await readMetrics(served, 'registrar_token_refusals')).toEqual({
    'registrar_token_refusals_total{reason="TOKEN_INVALID"}': 1,
  })
})

test('tries after the first are counted', async () => {
  await server.close()
  const client = createRpcClient(ProbeService, server.url, { metrics: called, timeoutMs: 300 })
  await client.ask({}).catch(() => {})
  const retries = 'rpc_client_retries_total{service="registrar.probe.v1.ProbeService",method="Ask"}'
  expect((await readMetrics(called, 'rpc_client_retries'))[retries]).toBeGreaterThan(0)
})

test('health and reflection do not count, nor do methods that there are not', async () => {
  const { Health } = await import('#proto/health/v1/health_pb.ts')
  await createRpcClient(Health, server.url, { metrics: called }).check({})
  const session = connect(server.url)
  const stream = session.request({ ':method': 'POST', ':path': '/registrar.probe.v1.ProbeService/Guess' })
  stream.end()
  const [headers] = await once(stream, 'response')
  expect(headers[':status']).toBe(404)
  session.destroy()
  expect(await readMetrics(served, 'rpc_server')).toEqual({})
  expect(await readMetrics(called, 'rpc_client')).toEqual({})
})

test('probes and metrics are answered while the main port is full', async () => {
  const [port = 0] = await findFreePorts(1)
  const logger = pino({ level: 'silent' })
  const readiness = createReadiness(logger, served)
  readiness.started({})
  const place = { host: '127.0.0.1', port, setting: 'PROBE_METRICS_PORT' }
  const operations = await startOperationsServer(place, logger, { metrics: served, readiness })
  const abort = new AbortController()
  const token = await tokens.mint({ preferred_username: 'somebody' })
  const client = probe(async () => token)
  // As many as one connection may have at once.
  const calls = Array.from({ length: 1_000 }, () =>
    client.ask({ value: 'hold' }, { signal: abort.signal }).catch(() => {}),
  )
  await expect.poll(() => holding, { timeout: 20_000 }).toBe(calls.length)
  await expect(client.ask({}, { timeoutMs: 300 })).rejects.toMatchObject({ code: Code.DeadlineExceeded })
  for (const path of ['livez', 'readyz', 'metrics']) {
    expect((await fetch(`http://127.0.0.1:${port}/${path}`)).status).toBe(200)
  }
  abort.abort()
  await Promise.all(calls)
  await operations.close()
})
