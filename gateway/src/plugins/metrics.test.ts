import { once } from 'node:events'
import { connect } from 'node:net'
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest'
import { createMetrics, type Metrics } from '#kit/metrics.ts'
import { readMetrics } from '#kit/testing/read-metrics.ts'
import { program } from '../testing/cases.ts'
import { startTestGateway, type TestGateway } from '../testing/gateway.ts'

let metrics: Metrics
let gateway: TestGateway

beforeAll(async () => {
  metrics = createMetrics(false)
  gateway = await startTestGateway({ metrics })
})
beforeEach(() => {
  gateway.reset()
  metrics.registry.resetMetrics()
})
afterAll(() => gateway.close())

const requests = () => readMetrics(metrics, 'http_server_request_duration_seconds')
const series = (method: string, route: string, status: number) =>
  `http_server_request_duration_seconds_count{method="${method}",route="${route}",status="${status}"}`

test('requests are counted by the name of their route, whatever its parameters', async () => {
  for (const key of ['masters-in-cs', 'bare_program-2']) {
    await gateway.send({ path: `/api/v1/programs/${key}`, as: 'owner' })
  }
  await gateway.send({ path: program })
  const route = '/api/v1/programs/{program_key}'
  expect(await requests()).toEqual({ [series('GET', route, 200)]: 2, [series('GET', route, 401)]: 1 })
})

test('whatever has no route, cannot be read or comes by a rare method adds no labels of the caller’s', async () => {
  const paths = ['/wp-login.php', '/api/v1/nothing', '/api/%ff', '/a'.repeat(300)]
  for (const path of paths) await gateway.send({ path })
  for (const method of ['PURGE', 'LOCK', 'MKCOL']) {
    await gateway.send({ path: '/api/v1/programs', method, as: 'owner' })
  }
  expect(await requests()).toEqual({
    [series('GET', 'none', 404)]: paths.length,
    [series('other', '/api/v1/programs', 405)]: 3,
  })
})

test('a client that goes away is told apart, and nothing stays in flight', async () => {
  const inFlight = () => readMetrics(metrics, 'http_server_requests_in_flight')
  let release = () => {}
  gateway.world.hold = new Promise<void>((resolve) => {
    release = resolve
  })
  const socket = connect(Number(new URL(gateway.url).port), '127.0.0.1')
  await once(socket, 'connect')
  const token = await gateway.tokens.mint({ preferred_username: 'owner' })
  socket.write(`GET ${program} HTTP/1.1\r\nhost: test\r\nauthorization: JWT ${token}\r\n\r\n`)
  await expect.poll(() => gateway.world.calls.length).toBe(1)
  expect(await inFlight()).toEqual({ http_server_requests_in_flight: 1 })
  socket.destroy()
  await expect.poll(inFlight).toEqual({ http_server_requests_in_flight: 0 })
  release()
  expect(await requests()).toEqual({ [series('GET', '/api/v1/programs/{program_key}', 499)]: 1 })
})
