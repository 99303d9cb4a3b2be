import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { chmodSync, existsSync, mkdtempSync, rmSync } from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { fileURLToPath } from 'node:url'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { settingPrefixOf } from '#kit/settings.ts'
import { findFreePorts } from './ports.ts'
import { listeners } from './settings.ts'

const script = fileURLToPath(new URL('start.ts', import.meta.url))

let folder: string
let env: NodeJS.ProcessEnv

beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), 'start-'))
  chmodSync(folder, 0o711)
  const names = [...listeners.map(settingPrefixOf), 'POSTGRES', 'TEMPORAL', 'TEMPORAL_UI']
  const ports = await findFreePorts(names.length)
  env = {
    PATH: process.env.PATH,
    REGISTRAR_DATA_DIR: join(folder, 'data'),
    ...Object.fromEntries(names.map((name, index) => [`${name}_PORT`, String(ports[index])])),
  }
})

afterEach(() => rmSync(folder, { recursive: true }))

/** What `npm start` prints and ends with under these settings. */
async function start(more: NodeJS.ProcessEnv) {
  const child = spawn(process.execPath, [script], {
    env: { ...env, ...more },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  const [out, error, [code]] = await Promise.all([
    text(child.stdout),
    text(child.stderr),
    once(child, 'exit'),
  ])
  return { out, error, code }
}

test('a busy port ends the start in one sentence, with nothing started', async () => {
  const server = createServer().listen(Number(env.JOBS_PORT), '127.0.0.1')
  await once(server, 'listening')
  const { out, error, code } = await start({})
  server.close()
  expect(error).toBe(
    `Port ${env.JOBS_PORT} (JOBS_PORT) is in use: stop what listens there or set JOBS_PORT to another port.\n`,
  )
  expect({ out, code }).toEqual({ out: '', code: 1 })
  expect(existsSync(join(folder, 'data', 'postgres'))).toBe(false)
})

test('a bad setting ends the start in one sentence', async () => {
  const { error, code } = await start({ TEMPORAL_PORT: '0' })
  expect({ error, code }).toEqual({
    error: 'TEMPORAL_PORT is not usable: set it to a free port from 1 to 65535.\n',
    code: 1,
  })
})

test('a missing Temporal ends the start in one sentence, and PostgreSQL is stopped again', async () => {
  const { error, code } = await start({
    PATH: join(folder, 'empty'),
    HOME: join(folder, 'home'),
    XDG_CACHE_HOME: '/dev/null',
  })
  expect(error).toMatch(
    /^There is no Temporal CLI and it could not be downloaded \(.*\): install it .* or set TEMPORAL_ADDRESS .*\.\n$/,
  )
  expect(code).toBe(1)
  const left = createServer().listen(Number(env.POSTGRES_PORT), '127.0.0.1')
  await once(left, 'listening')
  left.close()
})
