import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import { afterEach, expect, test } from 'vitest'

const script = fileURLToPath(new URL('./testing/lifecycle-process.ts', import.meta.url))
const children: ChildProcess[] = []
afterEach(() => {
  for (const child of children.splice(0)) child.kill('SIGKILL')
})

async function collect(stream: NodeJS.ReadableStream | null): Promise<string> {
  let text = ''
  for await (const chunk of stream ?? []) text += chunk
  return text
}

function start(way: string, settings: NodeJS.ProcessEnv = {}) {
  const child = spawn(process.execPath, [script, way], {
    stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
    env: { ...process.env, ...settings },
  })
  children.push(child)
  const stdout = collect(child.stdout)
  const stderr = collect(child.stderr)
  // Not 'close', which does not come after `disconnect`.
  const ended = Promise.all([once(child, 'exit'), stdout, stderr]).then(([[code, signal], out, err]) => {
    return { code: code as number | null, signal: signal as string | null, stdout: out, stderr: err }
  })
  return { child, ended, message: () => once(child, 'message').then(([message]) => message) }
}

test.each(['SIGTERM', 'SIGINT'] as const)(
  'a process says when it is ready and closes on %s',
  async (signal) => {
    const { child, ended, message } = start('well')
    expect(await message()).toBe('ready')
    child.kill(signal)
    const { code, stdout, stderr } = await ended
    expect(code).toBe(0)
    expect(stdout).toContain('probe is ready')
    expect(stdout).toContain('"printed":"printed by a library Error: trace"')
    expect(stderr).toBe('')
    expect(stdout).toContain('"msg":"closed"')
  },
)

test.each([
  ['SIGTERM', 2_900, Number.POSITIVE_INFINITY],
  ['SIGINT', 0, 2_900],
] as const)(
  'told to stop by %s, it goes on for SHUTDOWN_DELAY only if that may be expected',
  async (signal, least, most) => {
    const { child, ended, message } = start('well', { SHUTDOWN_DELAY: '3' })
    await message()
    child.kill(signal)
    const { code, stdout } = await ended
    expect(code).toBe(0)
    const times = Object.fromEntries(
      stdout
        .trim()
        .split('\n')
        .map((line) => JSON.parse(line) as { msg: string; time: number })
        .map(({ msg, time }) => [msg, time]),
    )
    const delay = (times.closed ?? 0) - (times.leaving ?? 0)
    expect(delay).toBeGreaterThan(least)
    expect(delay).toBeLessThan(most)
  },
)

test('it closes when the parent that started it goes away', async () => {
  const { child, ended, message } = start('well')
  await message()
  child.disconnect()
  const { code, stdout } = await ended
  expect(code).toBe(0)
  expect(stdout).toContain('"msg":"closed"')
})

test('settings that cannot be used end it with their sentences alone', async () => {
  const { code, stdout, stderr } = await start('misconfigured').ended
  expect(code).toBe(1)
  expect(stderr).toBe('probe: ONE is missing: set it.\nprobe: TWO is missing: set it.\n')
  expect(stdout).toBe('')
})

test('another failure of its start ends it with the cause in the log', async () => {
  const { code, stdout } = await start('broken').ended
  expect(code).toBe(1)
  expect(JSON.parse(stdout)).toMatchObject({
    level: 60,
    msg: 'probe could not start',
    err: { message: 'cannot start' },
  })
})

test('a signal during its start ends it', async () => {
  const { child, ended } = start('slow')
  // Until it listens for signals, the signal ends it by itself.
  await new Promise((resolve) => setTimeout(resolve, 1_500))
  child.kill('SIGTERM')
  const { code, signal } = await ended
  expect(code === 0 || signal === 'SIGTERM').toBe(true)
})

test('a second signal ends what hangs', async () => {
  const { child, ended, message } = start('hanging')
  await message()
  child.kill('SIGTERM')
  await once(child.stdout as NodeJS.ReadableStream, 'data')
  child.kill('SIGTERM')
  const { code, signal } = await ended
  expect(code === 1 || signal === 'SIGTERM').toBe(true)
})

test.each(['rejecting', 'throwing'])(
  'an error that nobody caught (%s) is logged and ends it',
  async (way) => {
    const { code, stdout } = await start(way).ended
    expect(code).toBe(1)
    expect(stdout).toContain('"level":60')
    expect(stdout).toContain('nobody caught this')
  },
)

test('errors of connections that are over do not end it', async () => {
  const { child, ended, message } = start('harmless')
  expect(await message()).toBe('ready')
  expect(await message()).toBe('survived')
  child.kill('SIGTERM')
  const { code, stdout } = await ended
  expect(code).toBe(0)
  expect(stdout.match(/a connection broke outside of any call/g)).toHaveLength(2)
})
