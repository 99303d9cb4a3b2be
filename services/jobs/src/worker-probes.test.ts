import { once } from 'node:events'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { findFreePorts } from '#stack/ports.ts'
import { startTestStack, type TestStack } from './testing/stack.ts'

let stack: TestStack
let ports: number[]

beforeAll(async () => {
  stack = await startTestStack()
  ports = await findFreePorts(2)
})
afterAll(() => stack.stop())

const settings = (index: number) => ({ JOBS_WORKER_METRICS_PORT: String(ports[index]) })
async function readyz(index: number) {
  const answer = await fetch(`http://127.0.0.1:${ports[index]}/readyz`)
  return { code: answer.status, ...((await answer.json()) as object) }
}
async function metric(index: number, line: string): Promise<boolean> {
  const answer = await fetch(`http://127.0.0.1:${ports[index]}/metrics`)
  return (await answer.text()).includes(`\n${line}\n`)
}

const well = { database: 'ok', migrations: 'ok', temporal: 'ok', polling: 'ok' }
const ready = { code: 200, status: 'ready', checks: well }
const soon = { timeout: 30_000, interval: 500 }

test('two workers on one machine tell theirs on ports of their own', async () => {
  await stack.startWorker(settings(0))
  await stack.startWorker(settings(1))
  for (const index of [0, 1]) {
    expect(await readyz(index)).toEqual(ready)
    expect(await metric(index, 'registrar_metrics_source_up{source="temporal"} 1')).toBe(true)
  }
})

test('a worker is not ready while Temporal is away, and one that starts meanwhile waits', async () => {
  await stack.temporal.pause()
  const away = { code: 503, status: 'not ready', checks: { ...well, temporal: 'failing' } }
  await expect.poll(() => readyz(0), soon).toEqual(away)
  expect(await metric(0, 'registrar_check_up{check="temporal"} 0')).toBe(true)

  const last = stack.worker()
  last.kill()
  await once(last, 'exit')
  const starting = stack.startWorker(settings(1))
  await expect
    .poll(() => readyz(1).catch(() => undefined), soon)
    .toMatchObject({ code: 503, status: 'starting' })

  await stack.temporal.resume()
  await starting
  for (const index of [0, 1]) await expect.poll(() => readyz(index), soon).toEqual(ready)
})
