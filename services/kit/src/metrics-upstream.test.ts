import { afterEach, beforeEach, expect, test } from 'vitest'
import { createLogger } from './logger.ts'
import { createMetrics, type Metrics } from './metrics.ts'
import { readMetrics } from './testing/read-metrics.ts'
import { breakOff, json, startUpstreamServer, type UpstreamServer } from './testing/upstream-server.ts'
import { createUpstream, type Upstream } from './upstream.ts'

let server: UpstreamServer
let upstream: Upstream
let metrics: Metrics

beforeEach(async () => {
  server = await startUpstreamServer()
  metrics = createMetrics(false)
  upstream = createUpstream({
    ...{ name: 'LMS', baseUrl: server.url, credentials: server.credentials, metrics },
    logger: createLogger('test', 'silent'),
  })
})
afterEach(async () => {
  await upstream.close()
  await server.close()
})

const read = (id: number) =>
  upstream.call({ operation: 'get_thing', method: 'GET', path: `/things/${id}/`, key: String(id) })
const series = (operation: string, outcome: string) =>
  `upstream_request_duration_seconds_count{upstream="LMS",operation="${operation}",outcome="${outcome}"}`

test('each try is measured by what is asked and what came of it, whatever the path', async () => {
  server.answer(json(200, {}), json(500, {}), json(200, {}), breakOff, json(200, {}), json(404, {}))
  for (const id of [1, 2, 3]) await read(id)
  await read(4).catch(() => {})
  expect(await readMetrics(metrics, 'upstream_')).toEqual({
    [series('get_token', 'ok')]: 1,
    [series('get_thing', 'ok')]: 3,
    [series('get_thing', 'failed')]: 1,
    [series('get_thing', 'broken')]: 1,
    [series('get_thing', 'refused')]: 1,
    'upstream_retries_total{upstream="LMS"}': 2,
    'upstream_left_alone{upstream="LMS"}': 0,
    'upstream_calls_refused_total{upstream="LMS"}': 0,
  })
})

test('an upstream that is left alone shows, and the calls that were refused for it', async () => {
  server.answer(json(503, {}))
  await Promise.all(Array.from({ length: 12 }, (_, id) => read(id).catch(() => {})))
  await read(99).catch(() => {})
  const values = await readMetrics(metrics, 'upstream_')
  expect(values['upstream_left_alone{upstream="LMS"}']).toBe(1)
  expect(values['upstream_calls_refused_total{upstream="LMS"}']).toBeGreaterThan(0)
})
