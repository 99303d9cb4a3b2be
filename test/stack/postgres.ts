import { execFile } from 'node:child_process'
import { randomUUID } from 'node:crypto'
import { chownSync, existsSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { promisify } from 'node:util'
import pg from 'pg'
import { findPostgresHome, type PostgresHome } from './postgres-home.ts'
import { StackProblem } from './problem.ts'
import type { Reports } from './process-run.ts'
import { commandOf } from './running-process.ts'
import { type SupervisedProcess, supervise } from './supervise.ts'

export type PostgresOptions = {
  /** The cluster lies in `postgres/` in it, made on the first start and kept. */
  readonly dataDir: string
  readonly port: number
  /** Of the only role, `registrar`. Fixed by the first start. */
  readonly password: string
  readonly reports: Reports
  readonly signal?: AbortSignal
  /** More settings, as `fsync=off` for a database that nobody will miss. */
  readonly settings?: readonly string[]
}

export type Postgres = {
  /** Of the database `registrar`, for whoever may see the password. */
  readonly url: string
  readonly process: SupervisedProcess
}

/** Starts the PostgreSQL of the npm package on 127.0.0.1, with the database `registrar` in it. */
export async function startPostgres(options: PostgresOptions): Promise<Postgres> {
  const { dataDir, port, password, reports, signal, settings = [] } = options
  const home = await findPostgresHome(dataDir, reports.log)
  await initialise(home, password)
  dropStaleLock(home.clusterDir)
  const url = (database: string) =>
    `postgres://${role}:${encodeURIComponent(password)}@127.0.0.1:${port}/${database}`
  const output = (name: string, line: string) => startingUp.test(line) || reports.output(name, line)
  const process = await supervise(
    {
      name: 'postgres',
      command: home.postgres,
      args: [
        '-D',
        home.clusterDir,
        '-p',
        String(port),
        ...[...baseSettings, ...settings].flatMap((each) => ['-c', each]),
      ],
      env: environment,
      cwd: '/',
      identity: home.identity,
      check: () => assertAnswers(url('postgres'), dataDir),
      readyWithin: 60_000,
      // Fast shutdown: ends sessions, writes a checkpoint.
      stopSignal: 'SIGINT',
      stopWithin: 30_000,
    },
    { ...reports, output },
    signal,
  )
  try {
    await createDatabase(url('postgres'))
  } catch (error) {
    await process.stop()
    throw error
  }
  return { url: url(database), process }
}

const role = 'registrar'
const database = 'registrar'
const environment = { LC_ALL: 'C', TZ: 'UTC', PATH: '/usr/bin:/bin' }

// What it says to a check that comes too early.
const startingUp = /^FATAL: {2}the database system is (starting up|not yet accepting connections|in recovery)/

const baseSettings = [
  'listen_addresses=127.0.0.1',
  'unix_socket_directories=',
  'timezone=UTC',
  'log_line_prefix=',
  // An error's detail quotes rows, and rows are about students. Services report their own errors.
  'log_min_messages=fatal',
  'log_min_error_statement=panic',
  'log_error_verbosity=terse',
  // Nobody replicates from here: three processes fewer, and less to write.
  'wal_level=minimal',
  'max_wal_senders=0',
  'max_logical_replication_workers=0',
]

async function initialise(home: PostgresHome, password: string): Promise<void> {
  if (existsSync(join(home.clusterDir, 'PG_VERSION'))) return
  // Made under another name and renamed when whole, so that a start that is cut short leaves no half of a cluster.
  const unfinished = join(dirname(home.clusterDir), `postgres-unfinished-${randomUUID()}`)
  const passwordFile = `${unfinished}.password`
  try {
    mkdirSync(unfinished, { mode: 0o700 })
    writeFileSync(passwordFile, password, { mode: 0o600 })
    if (home.identity) {
      for (const path of [unfinished, passwordFile]) chownSync(path, home.identity.uid, home.identity.gid)
    }
    await promisify(execFile)(
      home.initdb,
      [
        `--pgdata=${unfinished}`,
        `--username=${role}`,
        `--pwfile=${passwordFile}`,
        '--auth=scram-sha-256',
        '--encoding=UTF8',
        // The same order and letter case on every machine.
        '--locale=C',
        '--locale-provider=builtin',
        '--builtin-locale=C.UTF-8',
        '--no-instructions',
      ],
      { ...home.identity, env: environment, cwd: '/' },
    )
    renameSync(unfinished, home.clusterDir)
  } catch (cause) {
    rmSync(unfinished, { recursive: true, force: true })
    const said = (cause as { stderr?: string }).stderr || (cause as Error).message
    throw new StackProblem(
      `PostgreSQL could not make its data folder ${home.clusterDir} (${said.trim().replaceAll(/\s+/g, ' ')}): see to that, or set DATABASE_URL to a PostgreSQL of your own.`,
    )
  } finally {
    rmSync(passwordFile, { force: true })
  }
}

/**
 * PostgreSQL removes the lock of a server that was killed, unless its process id has been given to another program
 * since: then it believes that a server is running and refuses to start.
 */
function dropStaleLock(clusterDir: string): void {
  const lock = join(clusterDir, 'postmaster.pid')
  if (!existsSync(lock)) return
  const holder = commandOf(Number(readFileSync(lock, 'utf8').split('\n', 1)[0]))
  if (holder !== undefined && !holder.includes(clusterDir)) rmSync(lock)
}

async function assertAnswers(url: string, dataDir: string): Promise<void> {
  try {
    await withClient(url, (client) => client.query('select 1'))
  } catch (error) {
    if ((error as { code?: string }).code !== invalidPassword) throw error
    throw new StackProblem(
      `The development keys in ${dataDir} do not open the database in ${join(dataDir, 'postgres')}: bring back the keys it was made with, or remove that folder to start with an empty database.`,
    )
  }
}

async function createDatabase(url: string): Promise<void> {
  await withClient(url, async (client) => {
    const { rowCount } = await client.query('select from pg_database where datname = $1', [database])
    if (rowCount === 0) await client.query(`create database ${database}`)
  })
}

const invalidPassword = '28P01'

async function withClient<T>(url: string, use: (client: pg.Client) => Promise<T>): Promise<T> {
  const client = new pg.Client({ connectionString: url, connectionTimeoutMillis: 2_000 })
  client.on('error', () => {})
  await client.connect()
  try {
    return await use(client)
  } finally {
    await client.end()
  }
}
