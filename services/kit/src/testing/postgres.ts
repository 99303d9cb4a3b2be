import { randomBytes } from 'node:crypto'
import { chmod, mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Client } from 'pg'
import { findFreePorts } from '#stack/ports.ts'
import { startPostgres as startEmbedded } from '#stack/postgres.ts'
import { signalTree } from '#stack/running-process.ts'

/** A database of its own for one test file. */
export type TestDatabase = { url: string; drop(): Promise<void> }

/**
 * A new, empty database on the server at TEST_DATABASE_URL; without that setting, on a PostgreSQL started for this call.
 * Call `drop` when the tests are done.
 */
export async function createTestDatabase(): Promise<TestDatabase> {
  const given = process.env.TEST_DATABASE_URL
  const server = given === undefined ? await startPostgres() : undefined
  const serverUrl = given ?? (server as TestPostgres).url
  const name = `test_${randomBytes(6).toString('hex')}`
  await execute(serverUrl, `create database ${name}`)
  const url = new URL(serverUrl)
  url.pathname = `/${name}`
  return {
    url: url.href,
    async drop() {
      if (server === undefined) await execute(serverUrl, `drop database if exists ${name} with (force)`)
      else await server.stop()
    },
  }
}

/** A PostgreSQL server in a temporary folder. */
export type TestPostgres = {
  url: string
  port: number
  /** Takes it away and brings it back, data and all. */
  pause(): Promise<void>
  resume(): Promise<void>
  /** Makes it hang, all of its processes: it takes connections and answers nothing, until `thaw`. */
  freeze(): void
  thaw(): void
  /** Stops it and deletes its folder. */
  stop(): Promise<void>
}

/** Starts a PostgreSQL server on a free port; for tests that stop it midway, and for a global set-up. */
export async function startPostgres(): Promise<TestPostgres> {
  const dataDir = await mkdtemp(join(tmpdir(), 'registrar-postgres-'))
  // It may run as another user, who has to get through.
  await chmod(dataDir, 0o711)
  const [port = 0] = await findFreePorts(1)
  const options = {
    dataDir,
    port,
    password: 'postgres',
    settings: ['fsync=off', 'max_connections=300'],
    reports: { log: () => {}, output: () => {}, started: () => () => {} },
  }
  let postgres = await startEmbedded(options)
  const pause = () => postgres.process.stop()
  const signal = (name: NodeJS.Signals) => signalTree(postgres.process.pid as number, name)
  return {
    url: postgres.url,
    port,
    pause,
    async resume() {
      postgres = await startEmbedded(options)
    },
    freeze: () => signal('SIGSTOP'),
    thaw: () => signal('SIGCONT'),
    async stop() {
      await pause()
      await rm(dataDir, { recursive: true, force: true })
    },
  }
}

async function execute(url: string, statement: string): Promise<void> {
  const client = new Client({ connectionString: url })
  await client.connect()
  try {
    await client.query(statement)
  } finally {
    await client.end()
  }
}
