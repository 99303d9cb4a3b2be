import { spawn } from 'node:child_process'
import {
  chmodSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  readlinkSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import pg from 'pg'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { findFreePorts } from './ports.ts'
import { type Postgres, startPostgres } from './postgres.ts'
import { findPostgresHome } from './postgres-home.ts'
import { recordOf } from './running-process.ts'

const isRoot = process.getuid?.() === 0

let dataDir: string
let port: number
let lines: string[]
const started: Postgres[] = []

beforeEach(async () => {
  dataDir = mkdtempSync(join(tmpdir(), 'postgres-'))
  chmodSync(dataDir, 0o711)
  port = (await findFreePorts(1))[0] as number
  lines = []
})

afterEach(async () => {
  await Promise.all(started.splice(0).map((postgres) => postgres.process.stop()))
  rmSync(dataDir, { recursive: true, force: true })
})

async function start(more: { dataDir?: string; password?: string } = {}): Promise<Postgres> {
  const reports = { log: (line: string) => void lines.push(line), output: () => {} }
  const postgres = await startPostgres({ dataDir, port, password: 'a secret', reports, ...more })
  started.push(postgres)
  return postgres
}

async function query(url: string, sql: string): Promise<Record<string, unknown>[]> {
  const client = new pg.Client({ connectionString: url })
  client.on('error', () => {})
  await client.connect()
  try {
    return (await client.query(sql)).rows
  } finally {
    await client.end()
  }
}

test('data survives a stop and a new start', async () => {
  const first = await start()
  await query(first.url, `create table kept as select 'here' as word`)
  await first.process.stop()
  const second = await start()
  expect(await query(second.url, 'select word from kept')).toEqual([{ word: 'here' }])
})

test('the database is UTF-8, sorts by code point and lower-cases beyond ASCII', async () => {
  const { url } = await start()
  expect(
    await query(
      url,
      `select current_database() as name, pg_encoding_to_char(encoding) as encoding, lower('ÉA') as lower, 'b' < 'é' as a, 'B' < 'a' as b
       from pg_database where datname = current_database()`,
    ),
  ).toEqual([{ name: 'registrar', encoding: 'UTF8', lower: 'éa', a: true, b: true }])
})

test('it listens on the loopback address alone, and not without the password', async () => {
  const { url } = await start()
  expect(await query(url, 'show listen_addresses')).toEqual([{ listen_addresses: '127.0.0.1' }])
  await expect(query(url.replace('a%20secret', 'wrong'), 'select 1')).rejects.toThrow(
    /password authentication failed/,
  )
})

test('a server that is killed is started again with its data', async () => {
  const { url, process: server } = await start()
  await query(url, `create table kept as select 'here' as word`)
  const back = server.restarted()
  server.kill('SIGKILL')
  await back
  expect(await query(url, 'select word from kept')).toEqual([{ word: 'here' }])
})

test('the lock of a killed server does not stop the next start, though its process id is another program’s now', async () => {
  const { process: server } = await start()
  const { clusterDir, identity } = await findPostgresHome(dataDir, () => {})
  const lock = join(clusterDir, 'postmaster.pid')
  const text = readFileSync(lock, 'utf8')
  await server.stop()
  const bystander = spawn('sleep', ['60'], { ...identity, cwd: '/' })
  try {
    writeFileSync(lock, text.replace(/^\d+/, String(bystander.pid)))
    const again = await start()
    expect(await query(again.url, 'select 1 as one')).toEqual([{ one: 1 }])
  } finally {
    bystander.kill()
  }
})

test('other keys than the cluster was made with are a problem in one sentence', async () => {
  const { process: server } = await start()
  await server.stop()
  await expect(start({ password: 'another' })).rejects.toThrow(
    /^The development keys in .* do not open the database in .*: bring back the keys/,
  )
})

test('a stop leaves no process', async () => {
  const { process: server } = await start()
  const pid = server.pid as number
  await server.stop()
  expect(recordOf(pid)).toBeUndefined()
})

test('a first start that was cut short is begun anew', async () => {
  mkdirSync(join(dataDir, 'postgres-unfinished-0'))
  const { url } = await start()
  expect(await query(url, 'select 1 as one')).toEqual([{ one: 1 }])
})

test.runIf(isRoot)(
  'as root it runs as its own user, also in a folder which that user cannot reach',
  async () => {
    const hidden = join(dataDir, 'hidden', 'data')
    mkdirSync(hidden, { recursive: true })
    chmodSync(join(dataDir, 'hidden'), 0o700)
    const first = await start({ dataDir: hidden })
    const { identity } = await findPostgresHome(hidden, () => {})
    const uid = Number(/^Uid:\s+(\d+)/m.exec(readFileSync(`/proc/${first.process.pid}/status`, 'utf8'))?.[1])
    expect(uid).toBe(identity?.uid)
    expect(uid).not.toBe(0)
    expect(lines).toEqual([
      expect.stringMatching(/^the user postgres cannot reach .*: the database is kept in /),
    ])
    await query(first.url, `create table kept as select 'here' as word`)
    await first.process.stop()
    const second = await start({ dataDir: hidden })
    expect(await query(second.url, 'select word from kept')).toEqual([{ word: 'here' }])
    await second.process.stop()
    expect(lstatSync(join(hidden, 'postgres')).isSymbolicLink()).toBe(true)
    const elsewhere = dirname(readlinkSync(join(hidden, 'postgres')))
    expect(statSync(join(elsewhere, 'postgres')).mode & 0o077).toBe(0)
    rmSync(elsewhere, { recursive: true })
  },
)
