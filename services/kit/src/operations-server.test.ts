import { pino } from 'pino'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { findFreePorts } from '#stack/ports.ts'
import { createMetrics } from './metrics.ts'
import { type OperationsServer, readOperationsPlace, startOperationsServer } from './operations-server.ts'
import { createReadiness, type Readiness } from './readiness.ts'

const logger = pino({ level: 'silent' })

let url: string
let server: OperationsServer
let readiness: Readiness
let place: { host: string; port: number; setting: string }

beforeEach(async () => {
  const [port = 0] = await findFreePorts(1)
  const metrics = createMetrics(true)
  readiness = createReadiness(logger, metrics)
  place = { host: '127.0.0.1', port, setting: 'PROBE_METRICS_PORT' }
  server = await startOperationsServer(place, logger, { metrics, readiness })
  url = `http://127.0.0.1:${port}`
})
afterEach(() => server.close())

async function ready() {
  const answer = await fetch(`${url}/readyz`)
  return { status: answer.status, body: await answer.json() }
}

test('a process is alive from the beginning, and ready once it has started and until it stops', async () => {
  expect((await fetch(`${url}/livez`)).status).toBe(200)
  expect(await ready()).toEqual({ status: 503, body: { status: 'starting', checks: {} } })
  readiness.started({ database: async () => {} })
  expect(await ready()).toEqual({ status: 200, body: { status: 'ready', checks: { database: 'ok' } } })
  readiness.stopping()
  expect(await ready()).toEqual({ status: 503, body: { status: 'stopping', checks: { database: 'ok' } } })
  expect((await fetch(`${url}/livez`)).status).toBe(200)
})

test('a check that fails or hangs is named, without its reasons', async () => {
  readiness.started({
    database: async () => Promise.reject(new Error('postgres://user:secret@host refused')),
    temporal: () => new Promise(() => {}),
    migrations: async () => {},
  })
  expect(await ready()).toEqual({
    status: 503,
    body: { status: 'not ready', checks: { database: 'failing', temporal: 'failing', migrations: 'ok' } },
  })
  const text = await (await fetch(`${url}/metrics`)).text()
  expect(text).toContain('\nregistrar_ready 0\n')
  expect(text).toContain('\nregistrar_check_up{check="database"} 0\n')
  expect(text).toContain('\nregistrar_check_up{check="migrations"} 1\n')
})

test.each([
  [undefined, 'text/plain; version=0.0.4; charset=utf-8'],
  [
    'application/openmetrics-text;version=1.0.0;q=0.5,text/plain;version=0.0.4;q=0.4',
    'application/openmetrics-text; version=1.0.0; charset=utf-8',
  ],
])('whoever accepts %s gets metrics in %s', async (accept, type) => {
  const answer = await fetch(`${url}/metrics`, { headers: accept === undefined ? {} : { accept } })
  expect(answer.headers.get('content-type')).toBe(type)
  expect((await answer.text()).endsWith('# EOF\n')).toBe(accept !== undefined)
})

test('nothing else is there', async () => {
  expect((await fetch(`${url}/`)).status).toBe(404)
  expect((await fetch(`${url}/metrics`, { method: 'POST' })).status).toBe(405)
})

test('a port that is taken is told in a sentence', async () => {
  const metrics = createMetrics(false)
  await expect(startOperationsServer(place, logger, { metrics, readiness })).rejects.toThrow(
    `127.0.0.1:${place.port} cannot be listened on (EADDRINUSE): stop what uses it, or set PROBE_METRICS_PORT to a free port.`,
  )
})

test('the port of one process goes before the port of all; without any there is none', () => {
  const env = { METRICS_PORT: '9464', METRICS_HOST: '0.0.0.0', JOBS_WORKER_METRICS_PORT: '9465' }
  expect(readOperationsPlace('jobs', env)).toMatchObject({ host: '0.0.0.0', port: 9464 })
  expect(readOperationsPlace('jobs-worker', env)).toMatchObject({ port: 9465 })
  expect(readOperationsPlace('jobs', { JOBS_WORKER_METRICS_PORT: '9465' })).toBeUndefined()
  // Told with the other faults by `readProcessConfig`.
  expect(readOperationsPlace('jobs', { METRICS_PORT: 'many' })).toBeUndefined()
})
