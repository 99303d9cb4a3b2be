import { readFileSync } from 'node:fs'
import { beforeAll, expect, inject, test } from 'vitest'
import { valuesIn } from '#kit/testing/read-metrics.ts'
import { callRest, readByJob } from '../fixtures/rest.ts'
import { runningWorld } from '../fixtures/running.ts'
import { createSchool, type School } from '../fixtures/school.ts'

const operations = inject('operations')
let school: School
let token: string
let api: string

beforeAll(async () => {
  const world = await runningWorld()
  school = await createSchool(world)
  await school.enroll(school.masters, 300)
  token = await school.partner('organization_read_write_enrollments')
  api = `${world.addresses.gateway}/api/v1`
})

async function scrape(process: string, accept = 'text/plain'): Promise<string> {
  const answer = await fetch(`${operations[process]}/metrics`, { headers: { accept } })
  expect(answer.status).toBe(200)
  return answer.text()
}

/** The sum of all series of a process that match. */
async function total(process: string, series: RegExp): Promise<number> {
  const values = Object.entries(valuesIn(await scrape(process), ''))
  return values.reduce((sum, [name, value]) => (series.test(name) ? sum + value : sum), 0)
}

test('every process is alive and ready on a port of its own', async () => {
  for (const url of Object.values(operations)) {
    expect((await fetch(`${url}/livez`)).status).toBe(200)
    const ready = await fetch(`${url}/readyz`)
    expect([ready.status, await ready.json()]).toMatchObject([200, { status: 'ready' }])
  }
})

const counted = {
  gateway: [
    /^http_server_request_duration_seconds_count\{method="GET",route="\/api\/v1\/programs\/\{program_key\}",status="200"\}/,
    /^rpc_client_call_duration_seconds_count\{.*method="GetProgram",code="OK"\}/,
    /^registrar_token_refusals_total\{reason="TOKEN_INVALID"\}/,
  ],
  catalog: [
    /^rpc_server_call_duration_seconds_count\{.*method="GetProgram",code="OK"\}/,
    /^db_client_connection_wait_seconds_count/,
  ],
  'access-control': [/^rpc_server_call_duration_seconds_count\{.*code="OK"\}/],
  enrollment: [/^rpc_server_call_duration_seconds_count\{.*method="StreamProgramEnrollments",code="OK"\}/],
  jobs: [/^rpc_server_call_duration_seconds_count\{.*method="CreateReadJob",code="OK"\}/],
  'jobs-worker': [
    /^rpc_client_call_duration_seconds_count\{.*method="StreamProgramEnrollments",code="OK"\}/,
    /^registrar_job_duration_seconds_count\{kind="ListProgramEnrollments",outcome="succeeded"\}/,
    /^registrar_job_rows_total\{kind="ListProgramEnrollments"\}/,
    /^registrar_storage_operations_total\{operation="put",outcome="ok"\}/,
    /^registrar_storage_written_bytes_total/,
    /^temporal_request_total\{/,
  ],
}

// A second worker of a cluster may take the job: as many as it takes until one of them is this one's.
test('the metrics move with what partners do', async () => {
  const all = Object.entries(counted).flatMap(([process, series]) =>
    series.map((each) => ({ process, series: each })),
  )
  const before = await Promise.all(all.map(({ process, series }) => total(process, series)))
  const unmoved = async () => {
    await callRest(`${api}/programs/${school.masters.key}`, { token })
    await callRest(`${api}/programs`, { token: 'a.b.c' })
    await readByJob(`${api}/programs/${school.masters.key}/enrollments`, token)
    const now = await Promise.all(all.map(({ process, series }) => total(process, series)))
    return all.filter((_, index) => (now[index] as number) <= (before[index] as number))
  }
  await expect.poll(unmoved, { timeout: 30_000, interval: 2_100 }).toEqual([])
})

test('every metric that docs/monitoring.md names is told by some process', async () => {
  const page = readFileSync(new URL('../../docs/monitoring.md', import.meta.url), 'utf8')
  const documented = [...page.matchAll(/^\| `([a-z_]+)` \| (?:counter|gauge|histogram) \|/gm)].map(
    ([, name]) => name as string,
  )
  const texts = await Promise.all(Object.keys(operations).map((process) => scrape(process)))
  const told = new Set(
    texts.flatMap((text) => [...text.matchAll(/^# TYPE (\S+) /gm)].map(([, name]) => name)),
  )
  // There is no upstream here, and nothing that fails.
  const missing = documented.filter(
    (name) => !told.has(name) && !/^upstream_|^temporal_request_failure/.test(name),
  )
  expect(missing).toEqual([])
})

test('the same is told in OpenMetrics, where counters have the names that they are to have', async () => {
  for (const process of Object.keys(operations)) {
    const text = await scrape(process, 'application/openmetrics-text; version=1.0.0')
    expect(text.endsWith('# EOF\n')).toBe(true)
    for (const [, family = ''] of text.matchAll(/^# TYPE (\S+) counter$/gm)) {
      const samples = text.split('\n').filter((line) => new RegExp(`^${family}[^a-z_]`).test(line))
      expect([process, family, samples]).toEqual([process, family, []])
    }
  }
})

test('labels are of a bounded kind: no ids, keys, users or tokens', async () => {
  for (const key of ['nothing', 'x'.repeat(50)]) await callRest(`${api}/programs/${key}`, { token })
  const texts = await Promise.all(Object.keys(operations).map((process) => scrape(process)))
  for (const text of texts) {
    for (const trace of [school.key, school.masters.key, 'partner-', 'learner-', token, 'x'.repeat(50)]) {
      expect(text).not.toContain(trace)
    }
    expect(text).not.toMatch(/[\da-f]{8}-[\da-f]{4}-[\da-f]{4}-/)
    const routes = new Set(text.matchAll(/route="[^"]*"/g).map(([route]) => route))
    expect(routes.size).toBeLessThan(100)
  }
})
