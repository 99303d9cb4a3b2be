import { fork } from 'node:child_process'
import { once } from 'node:events'
import { text } from 'node:stream/consumers'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import type { ConnectError } from '@connectrpc/connect'
import { context, ROOT_CONTEXT, SpanKind, trace } from '@opentelemetry/api'
import { pino } from 'pino'
import { afterAll, afterEach, beforeAll, expect, test, vi } from 'vitest'
import {
  type SentSpan,
  startTraceCollector,
  type TraceCollector,
} from '../../../test/fixtures/trace-collector.ts'
import { DomainError, Reason } from './errors.ts'
import { createRpcClient } from './rpc-client.ts'
import type { RpcServer } from './rpc-server.ts'
import { startProbeServer } from './testing/probe-server.ts'
import { ProbeService } from './testing/probe-service.ts'
import { createTestTokens } from './testing/tokens.ts'
import { activeTraceparent, beginSpan, bindToTrace, goOnFrom, startTracing, traceFields } from './tracing.ts'

const canary = 'learner@school.example'
let collector: TraceCollector
let tracing: { close(): Promise<void> }
let server: RpcServer
let client: ReturnType<typeof connect>
const connect = (token: () => Promise<string>) => createRpcClient(ProbeService, server.url, { token })
const seenWithin: (string | undefined)[] = []

beforeAll(async () => {
  collector = await startTraceCollector()
  vi.stubEnv('OTEL_EXPORTER_OTLP_ENDPOINT', collector.url)
  vi.stubEnv('OTEL_EXPORTER_OTLP_HEADERS', 'x-api-key=of-the-collector')
  vi.stubEnv('OTEL_RESOURCE_ATTRIBUTES', 'deployment.environment.name=test')
  vi.stubEnv('OTEL_BSP_SCHEDULE_DELAY', '20')
  tracing = await startTracing('probe', { env: process.env, logger: pino({ level: 'silent' }) })
  const tokens = await createTestTokens()
  server = await startProbeServer(tokens, {
    ask: ({ value }) => {
      if (value === 'unknown') throw new Error(`${canary} has no row`)
      if (value === 'refused') throw new DomainError(Reason.PROGRAM_NOT_FOUND, `${canary} is not found`)
      return { value: traceFields().traceId ?? '' }
    },
    async *count({ value }) {
      for (let i = 0; i < Number(value); i++) {
        seenWithin.push(traceFields().traceId)
        yield { value: String(i) }
      }
    },
  })
  client = connect(() => tokens.mint())
})
afterAll(async () => {
  await server.close()
  await tracing.close()
  await collector.close()
})
afterEach(() => {
  collector.spans.length = 0
})

/** Does work as a request would, and returns the spans below it. */
async function traced(work: () => Promise<unknown>): Promise<SentSpan[]> {
  const { span, within } = beginSpan({ name: 'root', kind: SpanKind.SERVER, attributes: {} }, ROOT_CONTEXT)
  await context.with(within, work)
  span.end()
  const { traceId } = span.spanContext()
  const ofIt = () => collector.spans.filter((each) => each.traceId === traceId)
  await expect.poll(() => ofIt().some(({ name }) => name === 'root')).toBe(true)
  await expect
    .poll(() =>
      ofIt().every(
        ({ parentSpanId }) => parentSpanId === '' || ofIt().some((each) => each.spanId === parentSpanId),
      ),
    )
    .toBe(true)
  return ofIt()
}

const one = (spans: SentSpan[], kind: string) => {
  const found = spans.filter((span) => span.kind === kind && span.name !== 'root')
  expect(found).toHaveLength(1)
  return found[0] as SentSpan
}

test('a call is a span of who sends it and, below that, of who serves it; both know the trace', async () => {
  let answered = ''
  const spans = await traced(async () => {
    answered = (await client.ask({ value: 'x' })).value
  })
  const [sent, served] = [one(spans, 'CLIENT'), one(spans, 'SERVER')]
  expect(served.parentSpanId).toBe(sent.spanId)
  expect(answered).toBe(sent.traceId)
  expect(served).toMatchObject({
    service: 'registrar-probe',
    name: `${ProbeService.typeName}/Ask`,
    attributes: {
      'rpc.system.name': 'connectrpc',
      'rpc.method': `${ProbeService.typeName}/Ask`,
      'rpc.status_code': 'OK',
      'registrar.request.id': expect.stringMatching(/./),
    },
    status: { code: 'UNSET' },
  })
  expect(collector.headers[0]).toMatchObject({
    'x-api-key': 'of-the-collector',
    'content-type': 'application/x-protobuf',
  })
})

test('what a stream makes late belongs to the call', async () => {
  const spans = await traced(async () => {
    for await (const _ of client.count({ value: '3' })) await sleep(1)
  })
  const { traceId } = one(spans, 'SERVER')
  expect(seenWithin.slice(-3)).toEqual([traceId, traceId, traceId])
})

test('a fault of the service fails both spans, a refusal only the caller’s; neither tells any text', async () => {
  const ask = (value: string) => () => client.ask({ value }).catch((error: ConnectError) => error.code)
  const broken = await traced(ask('unknown'))
  expect(one(broken, 'SERVER')).toMatchObject({
    attributes: { 'rpc.status_code': 'INTERNAL', 'error.type': 'INTERNAL', 'registrar.reason': 'INTERNAL' },
    status: { code: 'ERROR', message: '' },
  })
  const refused = await traced(ask('refused'))
  expect(one(refused, 'SERVER')).toMatchObject({
    attributes: { 'rpc.status_code': 'NOT_FOUND', 'registrar.reason': 'PROGRAM_NOT_FOUND' },
    status: { code: 'UNSET' },
  })
  expect(one(refused, 'CLIENT').status?.code).toBe('ERROR')
  expect(Buffer.concat(collector.bytes).includes(canary)).toBe(false)
})

test('what libraries record of errors is sent without texts', async () => {
  await traced(async () => {
    const span = trace.getActiveSpan()
    span?.recordException(new Error(canary))
    span?.setStatus({ code: 2, message: canary })
  })
  const [root] = collector.spans
  expect(root).toMatchObject({
    status: { code: 'ERROR', message: '' },
    events: [{ name: 'exception', attributes: [] }],
  })
  expect(Buffer.concat(collector.bytes).includes(canary)).toBe(false)
})

test('a call that belongs to no trace begins one where it is served', async () => {
  const { value } = await client.ask({ value: 'x' })
  await expect
    .poll(() => collector.spans.filter(({ traceId }) => traceId === value))
    .toMatchObject([{ kind: 'SERVER', parentSpanId: '' }])
})

test('a caller decides whether its trace is kept, and what else it says of itself is left behind', async () => {
  const headers = {
    traceparent: `00-${'a'.repeat(32)}-${'b'.repeat(16)}-00`,
    tracestate: `x=${canary}`,
    baggage: `who=${canary}`,
  }
  expect((await client.ask({ value: 'x' }, { headers })).value).toBe('a'.repeat(32))
  headers.traceparent = headers.traceparent.replace(/00$/, '01')
  await client.ask({ value: 'x' }, { headers })
  await expect.poll(() => collector.spans.length).toBeGreaterThan(0)
  expect(collector.spans).toMatchObject([{ traceId: 'a'.repeat(32), parentSpanId: 'b'.repeat(16) }])
  expect(Buffer.concat(collector.bytes).includes(canary)).toBe(false)
})

test.each([
  '',
  'x',
  `00-${'0'.repeat(32)}-${'b'.repeat(16)}-01`,
  `00-${'a'.repeat(32)}-${'b'.repeat(16)}-01-`,
])('a call with the traceparent %j is served', async (traceparent) => {
  expect((await client.ask({ value: 'x' }, { headers: { traceparent } })).value).toMatch(/^[\da-f]{32}$/)
})

test('what is done for a call later, maybe by another process, is done below its span', async () => {
  let kept: string | null = null
  const [root] = await traced(async () => {
    kept = activeTraceparent()
  })
  expect(kept).toBe(`00-${root?.traceId}-${root?.spanId}-01`)
  expect(goOnFrom(kept, () => traceFields())).toEqual({ traceId: root?.traceId })
  expect(activeTraceparent()).toBe(null)
  expect(goOnFrom(null, () => traceFields())).toEqual({})
})

test('what others call later goes on in the trace in which it was bound', async () => {
  let run = () => ({})
  const spans = await traced(async () => {
    run = bindToTrace(() => traceFields())
  })
  expect(run()).toEqual({ traceId: spans[0]?.traceId })
})

test('a process loads the SDK when traces are wanted, and else nothing of it', async () => {
  const script = fileURLToPath(new URL('./testing/tracing-process.ts', import.meta.url))
  const start = async (settings: NodeJS.ProcessEnv) => {
    const { OTEL_EXPORTER_OTLP_ENDPOINT: _, ...env } = process.env
    const child = fork(script, { env: { ...env, ...settings }, stdio: ['ignore', 'pipe', 'inherit', 'ipc'] })
    const log = text(child.stdout as NonNullable<typeof child.stdout>)
    expect(await once(child, 'message')).toEqual(['ready', undefined])
    const [loaded] = await once(child, 'message')
    child.kill('SIGTERM')
    const [code] = await once(child, 'exit')
    return { loaded: (loaded as string[]).toSorted(), code, log: await log }
  }
  expect(await start({})).toMatchObject({ loaded: ['@opentelemetry/api'], code: 0 })
  const wanted = await start({ OTEL_TRACES_EXPORTER: 'otlp' })
  expect(wanted.loaded).toContain('@opentelemetry/exporter-trace-otlp-proto')
  expect(wanted.code).toBe(0)
})
