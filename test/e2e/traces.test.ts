import { randomBytes } from 'node:crypto'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { type EdxProgram, type EdxSchool, type EdxStack, startEdxStack } from '../edx/edx-stack.ts'
import { callRest, followJob } from '../fixtures/rest.ts'
import { type SentSpan, startTraceCollector, type TraceCollector } from '../fixtures/trace-collector.ts'

// Every process of a system of its own sends its spans to one collector.

let collector: TraceCollector
let system: EdxStack
let school: EdxSchool
let program: EdxProgram

beforeAll(async () => {
  collector = await startTraceCollector()
  system = await startEdxStack({
    OTEL_EXPORTER_OTLP_ENDPOINT: collector.url,
    OTEL_EXPORTER_OTLP_TIMEOUT: '1000',
    OTEL_BSP_SCHEDULE_DELAY: '50',
  })
  school = await system.makeSchool(1)
  program = school.programs[0] as EdxProgram
}, 240_000)
afterAll(async () => {
  await system.close()
  await collector.close()
})

const callersSpan = 'b'.repeat(16)

/** Calls as a partner does who traces, too. */
async function call(path: string, options: { method?: string; body?: unknown } = {}) {
  const traceId = randomBytes(16).toString('hex')
  const headers = { traceparent: `00-${traceId}-${callersSpan}-01` }
  const answer = await callRest(`${system.programsUrl}/${program.key}/${path}`, {
    ...{ ...options, headers },
    token: school.token,
  })
  return { answer, traceId }
}

async function spansOf(traceId: string, isThere: (span: SentSpan) => boolean): Promise<SentSpan[]> {
  const ofIt = () => collector.spans.filter((span) => span.traceId === traceId)
  await expect.poll(() => ofIt().some(isThere), { timeout: 10_000 }).toBe(true)
  await expect.poll(() => ofIt().filter((span) => parentOf(span) === undefined)).toHaveLength(1)
  return ofIt()
}

function parentOf({ traceId, parentSpanId }: SentSpan): SentSpan | undefined {
  return collector.spans.find((span) => span.traceId === traceId && span.spanId === parentSpanId)
}

/** A span and all above it, the uppermost first. */
function pathTo(span: SentSpan | undefined): string[] {
  if (span === undefined) return []
  const service = span.service.replace('registrar-', '')
  const name = span.name.replace(/^registrar\.\w+\.v1\./, '')
  return [...pathTo(parentOf(span)), `${service}: ${name}`]
}

test('a read is one trace from the partner’s request to the LMS and the tables', async () => {
  const { state, requests } = system.edx.lms
  state.generate(state.addProgram(program.uuid), 2_500, { prefix: 'traced-' })
  requests.length = 0

  const { answer, traceId } = await call('enrollments')
  const job = await followJob((answer.body as { job_url: string }).job_url, school.token)
  expect(job.state).toBe('Succeeded')
  const spans = await spansOf(traceId, ({ name }) => name === 'RunWorkflow:ListProgramEnrollments')

  const started = [
    'gateway: GET /api/v1/programs/{program_key}/enrollments',
    'gateway: JobsService/CreateReadJob',
    'jobs: JobsService/CreateReadJob',
  ]
  const readPart = [
    ...started,
    'jobs: StartWorkflow:ListProgramEnrollments',
    'jobs-worker: RunWorkflow:ListProgramEnrollments',
    'jobs-worker: StartActivity:readPart',
    'jobs-worker: RunActivity:readPart',
  ]
  const askedLms = [
    ...readPart,
    'jobs-worker: EnrollmentService/StreamProgramEnrollments',
    'enrollment: EnrollmentService/StreamProgramEnrollments',
    'enrollment: GET /api/program_enrollments/v1/programs/{id}/enrollments/',
  ]
  const permitted = [
    ...started,
    'jobs: CatalogService/GetProgram',
    'catalog: CatalogService/GetProgram',
    'catalog: AccessControlService/ResolvePermissions',
    'access-control: AccessControlService/ResolvePermissions',
  ]
  const paths = spans.map((span) => pathTo(span).join('\n'))
  expect(paths).toContain(askedLms.join('\n'))
  expect(paths).toContain([...started, 'jobs: INSERT jobs'].join('\n'))
  expect(paths).toContain([...permitted, 'access-control: WITH users'].join('\n'))
  expect(paths).toContain(
    [
      ...started,
      'jobs: CatalogService/GetProgram',
      'catalog: CatalogService/GetProgram',
      'catalog: SELECT programs',
    ].join('\n'),
  )
  expect(paths).toContain([...readPart, 'jobs-worker: UPDATE jobs'].join('\n'))

  const root = spans.find((span) => parentOf(span) === undefined)
  expect(root?.parentSpanId).toBe(callersSpan)
  // The LMS, which traces too, can go on from the span that it was called in.
  const calls = spans.filter((span) => pathTo(span).join() === askedLms.join())
  expect(calls).toHaveLength(3)
  expect(
    requests.filter(({ path }) => path.includes('/enrollments/')).map(({ traceparent }) => traceparent),
  ).toEqual(calls.map(({ spanId }) => `00-${traceId}-${spanId}-01`))
  expect(spans.every(({ status }) => status?.code !== 'ERROR')).toBe(true)
})

test('a log line names the trace of its request, in every process', async () => {
  const { traceId } = await call('')
  const logging = () =>
    system.lines
      .filter((line) => line.includes(`"traceId":"${traceId}"`))
      .map((line) => line.split(' | ', 1)[0])
  await expect
    .poll(() => [...new Set(logging())].toSorted())
    .toEqual(['access-control', 'catalog', 'gateway'])
})

test('a call to the LMS that fails marks its span and those above it', async () => {
  system.edx.lms.faults.set({ rates: { failed: 1 }, only: '/program_enrollments/' })
  const body = [{ student_key: 'nobody-to-be-seen', status: 'enrolled' }]
  const { answer, traceId } = await call('enrollments', { method: 'POST', body })
  system.edx.lms.faults.reset()
  expect(answer.status).toBe(502)
  const spans = await spansOf(
    traceId,
    ({ kind, service }) => service === 'registrar-gateway' && kind === 'SERVER',
  )
  const failed = spans
    .filter(({ status }) => status?.code === 'ERROR')
    .map((span) => [pathTo(span).at(-1), span.attributes])
  expect(failed).toContainEqual([
    'enrollment: POST /api/program_enrollments/v1/programs/{id}/enrollments/',
    expect.objectContaining({
      'http.response.status_code': 500,
      'error.type': '500',
      'registrar.upstream': 'LMS',
    }),
  ])
  expect(failed).toContainEqual([
    'enrollment: EnrollmentService/WriteProgramEnrollments',
    expect.objectContaining({ 'registrar.reason': 'UPSTREAM_FAILED' }),
  ])
  expect(failed).toContainEqual([
    'gateway: POST /api/v1/programs/{program_key}/enrollments',
    expect.objectContaining({ 'http.response.status_code': 502 }),
  ])
})

test('a job that fails marks its activity with the reason', async () => {
  system.edx.lms.state.programs.delete(program.uuid)
  const { answer, traceId } = await call('enrollments')
  const job = await followJob((answer.body as { job_url: string }).job_url, school.token)
  expect(job.state).toBe('Failed')
  const spans = await spansOf(traceId, ({ name }) => name.startsWith('RunWorkflow'))
  expect(
    spans
      .filter(({ name }) => /^Run/.test(name))
      .map(({ name, status, attributes }) => [name, status, attributes['error.type']]),
  ).toEqual(
    expect.arrayContaining([
      ['RunActivity:readPart', { code: 'ERROR', message: '' }, 'UPSTREAM_FAILED'],
      ['RunWorkflow:ListProgramEnrollments', { code: 'ERROR', message: '' }, undefined],
    ]),
  )
})

test('a job that waits for Temporal goes on in the trace of its request', async () => {
  system.edx.lms.state.addProgram(program.uuid)
  system.stack.kill('temporal', 'SIGSTOP')
  const { answer, traceId } = await call('enrollments')
  const { job_id: jobId, job_url: url } = answer.body as { job_id: string; job_url: string }
  const isLeft = (line: string) => line.includes('a job waits for Temporal') && line.includes(jobId)
  await expect.poll(() => system.lines.some(isLeft), { timeout: 20_000 }).toBe(true)
  system.stack.kill('temporal', 'SIGCONT')
  expect((await followJob(url, school.token)).state).toBe('Succeeded')
  const spans = await spansOf(traceId, ({ name }) => name.startsWith('RunWorkflow'))
  const workflow = spans.find(({ name }) => name.startsWith('RunWorkflow'))
  expect(pathTo(workflow).slice(-3)).toEqual([
    'jobs: JobsService/CreateReadJob',
    'jobs: StartWorkflow:ListProgramEnrollments',
    'jobs-worker: RunWorkflow:ListProgramEnrollments',
  ])
})

test('probes and what processes do by themselves make no traces', () => {
  const roots = new Set(collector.spans.filter((span) => span.parentSpanId === '').map(({ name }) => name))
  expect([...roots].filter((name) => !/^(GET|POST) \/api\/|Service\/|^StartWorkflow/.test(name))).toEqual([])
  expect([...roots].some((name) => /health/i.test(name))).toBe(false)
})

test('while no collector is there everything is served, and each process says so once', async () => {
  await collector.close()
  const said = (name: string) =>
    system.lines.filter((line) => line.startsWith(`${name} |`) && line.includes('traces cannot be sent'))
  for (let i = 0; i < 20; i++) expect((await call('courses')).answer.status).toBe(200)
  await expect.poll(() => said('gateway').length, { timeout: 20_000 }).toBe(1)
  for (let i = 0; i < 20; i++) expect((await call('courses')).answer.status).toBe(200)

  const beganAt = performance.now()
  const again = system.stack.restarted('gateway')
  system.stack.kill('gateway', 'SIGTERM')
  await again
  // The bound of ten seconds, and a start.
  expect(performance.now() - beganAt).toBeLessThan(20_000)
  for (const name of ['access-control', 'catalog', 'gateway'])
    expect(said(name).length).toBeLessThanOrEqual(1)
  expect(system.lines.filter((line) => /ECONNREFUSED|"printed"/.test(line))).toEqual([])
})
