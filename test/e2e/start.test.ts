import { type ChildProcessByStdio, spawn } from 'node:child_process'
import { rm } from 'node:fs/promises'
import { createServer } from 'node:net'
import type { Readable } from 'node:stream'
import { afterEach, expect, test } from 'vitest'
import { callRest, readByJob } from '../fixtures/rest.ts'
import { freeEnvironment } from '../fixtures/stack.ts'

type Started = {
  child: ChildProcessByStdio<null, Readable, Readable>
  text(): string
  ended: Promise<number | null>
}

const started: Started[] = []
const folders: string[] = []

afterEach(async () => {
  for (const { child, ended } of started.splice(0)) {
    child.kill('SIGTERM')
    await ended
  }
  for (const folder of folders.splice(0)) await rm(folder, { recursive: true, force: true })
})

async function start(
  settings: NodeJS.ProcessEnv = {},
  given?: NodeJS.ProcessEnv,
): Promise<Started & { env: NodeJS.ProcessEnv }> {
  const env = given ?? (await freeEnvironment(settings))
  if (given === undefined) folders.push(env.REGISTRAR_DATA_DIR ?? '')
  const child = spawn(process.execPath, ['test/stack/start.ts'], { env, stdio: ['ignore', 'pipe', 'pipe'] })
  let text = ''
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (chunk) => (text += chunk))
  const one = {
    child,
    text: () => text,
    ended: new Promise<number | null>((resolve) => child.on('exit', resolve)),
  }
  started.push(one)
  return { ...one, env }
}

async function untilReady({ child, text, ended }: Started): Promise<void> {
  await Promise.race([
    new Promise<void>((resolve) => child.stdout.on('data', () => /Ctrl-C/.test(text()) && resolve())),
    ended.then((code) => Promise.reject(new Error(`ended with ${code}:\n${text()}`))),
  ])
}

test('npm start prints URLs, a token and commands that work, stops cleanly, and finds its data again', async () => {
  const first = await start()
  await untilReady(first)
  const token = /eyJ[\w-]+\.[\w-]+\.[\w-]+/.exec(first.text())?.[0] ?? ''
  const gateway = `http://127.0.0.1:${first.env.GATEWAY_PORT}`
  const commands = first.text().match(/curl .*/g) ?? []

  expect(commands.length).toBeGreaterThanOrEqual(3)
  expect(first.text()).toContain(`${gateway}/api-docs/`)
  expect(first.text()).toContain(`http://127.0.0.1:${first.env.TEMPORAL_UI_PORT}`)
  expect((await callRest(`${gateway}/api/v1/programs`, { token })).body).toHaveLength(2)
  const rows = await readByJob(`${gateway}/api/v1/programs/demo-masters/enrollments?fmt=csv`, token)
  expect(rows.split('\r\n')).toHaveLength(10_002)
  expect((await callRest(`${gateway}/api-docs/`)).text).toContain('Registrar API - Online Documentation')

  first.child.kill('SIGTERM')
  expect(await first.ended).toBe(0)
  await expect(fetch(`${gateway}/health`)).rejects.toThrow()

  const second = await start({}, first.env)
  await untilReady(second)
  const again = await readByJob(`${gateway}/api/v1/programs/demo-masters/enrollments?fmt=csv`, token)
  expect(again).toBe(rows)
}, 180_000)

test('a port that is taken ends the start with one sentence', async () => {
  const env = await freeEnvironment()
  folders.push(env.REGISTRAR_DATA_DIR ?? '')
  const blocker = createServer().listen(Number(env.CATALOG_PORT), '127.0.0.1')
  const { ended, text } = await start({}, env)

  expect(await ended).toBe(1)
  expect(text().trim()).toBe(
    `Port ${env.CATALOG_PORT} (CATALOG_PORT) is in use: stop what listens there or set CATALOG_PORT to another port.`,
  )
  blocker.close()
})

test.each([
  [{ GATEWAY_PORT: '0' }, 'GATEWAY_PORT'],
  [{ DATABASE_URL: 'mysql://x' }, 'DATABASE_URL'],
  [{ NODE_ENV: 'production' }, 'NODE_ENV'],
])('a setting that cannot be used ends the start with one sentence: %o', async (settings, name) => {
  const { ended, text } = await start(settings)

  expect(await ended).toBe(1)
  expect(text().trim().split('\n')).toHaveLength(1)
  expect(text()).toContain(name)
})
