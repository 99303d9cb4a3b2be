import { once } from 'node:events'
import { connect } from 'node:net'
import { pino } from 'pino'
import { afterAll, beforeAll, beforeEach, expect, test, vi } from 'vitest'
import { startTracing } from '#kit/tracing.ts'
import {
  type SentSpan,
  startTraceCollector,
  type TraceCollector,
} from '../../../test/fixtures/trace-collector.ts'
import { program } from '../testing/cases.ts'
import { startTestGateway, type TestGateway } from '../testing/gateway.ts'

let collector: TraceCollector
let tracing: { close(): Promise<void> }
let gateway: TestGateway

beforeAll(async () => {
  collector = await startTraceCollector()
  vi.stubEnv('OTEL_EXPORTER_OTLP_ENDPOINT', collector.url)
  vi.stubEnv('OTEL_BSP_SCHEDULE_DELAY', '20')
  tracing = await startTracing('gateway', { env: process.env, logger: pino({ level: 'silent' }) })
  gateway = await startTestGateway()
})
beforeEach(() => {
  gateway.reset()
  collector.spans.length = 0
})
afterAll(async () => {
  await gateway.close()
  await tracing.close()
  await collector.close()
})

/** The spans of requests, as soon as there is one. */
async function requestSpans(): Promise<SentSpan[]> {
  const found = () => collector.spans.filter(({ attributes }) => 'http.request.method' in attributes)
  await expect.poll(() => found().length).toBeGreaterThan(0)
  return found()
}

const lastLine = () => JSON.parse(gateway.log.filter((line) => line.includes('"request"')).at(-1) ?? '')

test('a request is a span of its route, which the log line names', async () => {
  await gateway.send({ path: program, as: 'owner', headers: { 'x-request-id': 'r1' } })
  const [span] = await requestSpans()
  expect(span).toMatchObject({
    name: 'GET /api/v1/programs/{program_key}',
    kind: 'SERVER',
    attributes: {
      'http.route': '/api/v1/programs/{program_key}',
      'http.response.status_code': 200,
      'registrar.request.id': 'r1',
    },
    status: { code: 'UNSET' },
  })
  expect(lastLine()).toMatchObject({ requestId: 'r1', traceId: span?.traceId })
})

test('a path that nobody serves is told of no more than its method', async () => {
  await gateway.send({ path: '/learner@school.example?email=learner@school.example' })
  const [span] = await requestSpans()
  expect(span?.name).toBe('GET')
  expect(Buffer.concat(collector.bytes).includes('learner')).toBe(false)
})

test('an answer of 500 and more fails the span, a refusal does not', async () => {
  gateway.world.hold = Promise.reject(new Error('learner@school.example'))
  gateway.world.hold.catch(() => {})
  await gateway.send({ path: program, as: 'owner' })
  const [failed] = await requestSpans()
  expect(failed).toMatchObject({
    status: { code: 'ERROR', message: '' },
    attributes: { 'error.type': '500' },
  })
  gateway.reset()
  collector.spans.length = 0
  await gateway.send({ path: program })
  expect(await requestSpans()).toMatchObject([
    { status: { code: 'UNSET' }, attributes: { 'http.response.status_code': 401 } },
  ])
})

test('a client that goes away fails the span', async () => {
  gateway.world.hold = new Promise(() => {})
  const { hostname, port } = new URL(gateway.url)
  const token = await gateway.tokens.mint({ preferred_username: 'owner' })
  const socket = connect(Number(port), hostname)
  await once(socket, 'connect')
  socket.write(`GET ${program} HTTP/1.1\r\nHost: x\r\nAuthorization: JWT ${token}\r\n\r\n`)
  await expect.poll(() => gateway.world.calls.length).toBeGreaterThan(0)
  socket.destroy()
  expect(await requestSpans()).toMatchObject([{ attributes: { 'error.type': 'client_gone' } }])
})

test('who watches over the process leaves no spans', async () => {
  await gateway.send({ path: '/health' })
  await gateway.send({ path: program })
  expect((await requestSpans()).map(({ name }) => name)).toEqual(['GET /api/v1/programs/{program_key}'])
})

test('a log line names the program that was found, and none that somebody made up', async () => {
  await gateway.send({ path: program, as: 'owner' })
  expect(lastLine()).toMatchObject({ status: 200, program: program.split('/').at(-1) })
  for (const [path, as] of [
    ['/api/v1/programs/learner', 'owner'],
    [program, undefined],
  ]) {
    await gateway.send({ path: path as string, ...(as && { as }) })
    expect(lastLine()).not.toHaveProperty('program')
  }
})
