import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import { afterEach, expect, test } from 'vitest'
import { findFreePorts } from '#stack/ports.ts'

const script = new URL('./testing/lifecycle-process.ts', import.meta.url)
let child: ChildProcess
afterEach(() => void child.kill('SIGKILL'))

async function start(way: string): Promise<string> {
  const [port] = await findFreePorts(1)
  child = fork(script, [way], {
    execArgv: [],
    stdio: 'ignore',
    env: { PROBE_METRICS_PORT: '', METRICS_PORT: String(port) },
  })
  return `http://127.0.0.1:${port}`
}

async function readyz(url: string) {
  const answer = await fetch(`${url}/readyz`)
  return { code: answer.status, ...((await answer.json()) as object) }
}

test('a process that starts is alive and not ready', async () => {
  const url = await start('slow')
  const live = () => fetch(`${url}/livez`).then(({ status }) => status)
  await expect.poll(() => live().catch(() => 0), { timeout: 20_000 }).toBe(200)
  expect(await readyz(url)).toEqual({ code: 503, status: 'starting', checks: {} })
})

test('it is not ready while its database is away, and again when that is back', async () => {
  const url = await start('well')
  await once(child, 'message')
  expect(await readyz(url)).toEqual({ code: 200, status: 'ready', checks: { database: 'ok' } })
  child.send('database away')
  const away = { code: 503, status: 'not ready', checks: { database: 'failing' } }
  await expect.poll(() => readyz(url), { timeout: 5_000 }).toEqual(away)
  expect((await fetch(`${url}/livez`)).status).toBe(200)
  child.send('database back')
  await expect.poll(() => readyz(url), { timeout: 5_000 }).toMatchObject({ code: 200 })
})

test('from SIGTERM on it is not ready, while what it has begun goes on', async () => {
  const url = await start('draining')
  await once(child, 'message')
  const ended = once(child, 'exit')
  child.kill('SIGTERM')
  await expect.poll(() => readyz(url), { timeout: 5_000 }).toMatchObject({ code: 503, status: 'stopping' })
  expect((await fetch(`${url}/metrics`)).status).toBe(200)
  child.send('the last call has ended')
  expect(await ended).toEqual([0, null])
})
