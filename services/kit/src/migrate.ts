import { readdir } from 'node:fs/promises'
import { setTimeout as sleep } from 'node:timers/promises'
import pg from 'pg'
import { QueryTypes, type Sequelize } from 'sequelize'
import { type RunnableMigration, Umzug } from 'umzug'
import { ConfigError } from './config.ts'
import type { Logger } from './logger.ts'
import { outageOf } from './outages.ts'

/** What a migration file exports: the statements that bring the schema one step on. It runs in one transaction. */
export type Migration = { up(sql: (text: string) => Promise<void>): Promise<void> }

// Any number that nothing else locks with; the schema makes the other half of the key.
const lockSpace = 7_346_201

/**
 * Brings a schema up to date and returns the names of the migrations that this took.
 *
 * Processes that do so at once take turns. Each migration is recorded in `<schema>.migrations` by the transaction that it
 * ran in.
 */
export async function migrate(databaseUrl: string, schema: string, folder: URL): Promise<string[]> {
  const client = new pg.Client({
    connectionString: databaseUrl,
    application_name: `registrar migrate ${schema}`,
    connectionTimeoutMillis: 5_000,
  })
  // A connection that breaks between two statements: the next one tells.
  client.on('error', () => {})
  await client.connect().catch((error: unknown) => {
    throw explainFailure(error, new URL(databaseUrl).host)
  })
  try {
    await client.query('select pg_advisory_lock($1, hashtext($2))', [lockSpace, schema])
    await client.query(`create schema if not exists ${client.escapeIdentifier(schema)}`)
    await client.query(`set search_path to ${client.escapeIdentifier(schema)}`)
    await client.query(
      'create table if not exists migrations (name text primary key, applied_at timestamptz not null default now())',
    )
    const applied = await createUmzug(client, folder).up()
    return applied.map(({ name }) => name)
  } finally {
    // The lock goes with the connection.
    await client.end()
  }
}

function createUmzug(client: pg.Client, folder: URL): Umzug {
  return new Umzug({
    logger: undefined,
    migrations: async () =>
      (await migrationNamesIn(folder)).map((name) => readMigration(client, folder, name)),
    storage: {
      executed: async () => {
        const { rows } = await client.query<{ name: string }>('select name from migrations')
        return rows.map(({ name }) => name)
      },
      // Recorded by the migration's own transaction.
      logMigration: async () => {},
      unlogMigration: async () => {},
    },
  })
}

function readMigration(client: pg.Client, folder: URL, name: string): RunnableMigration<object> {
  return {
    name,
    up: async () => {
      const { up } = (await import(new URL(`${name}.ts`, folder).href)) as Migration
      await client.query('begin')
      try {
        await up(async (text) => {
          await client.query(text)
        })
        await client.query('insert into migrations (name) values ($1)', [name])
        await client.query('commit')
      } catch (error) {
        await client.query('rollback').catch(() => {})
        throw error
      }
    },
  }
}

/**
 * For the start of a process: `assertMigrated`, as soon as PostgreSQL can be asked. ConfigError when the schema lacks migrations, and
 * when PostgreSQL is there and refuses the user or knows no such database.
 */
export async function untilMigrated(database: Sequelize, folder: URL, logger: Logger): Promise<void> {
  for (let tries = 1; ; tries++) {
    try {
      await assertMigrated(database, folder)
      if (tries > 1) logger.info('PostgreSQL is there')
      return
    } catch (error) {
      if (!(error instanceof DatabaseAway)) throw error
      // The host and the kind of failure are in it.
      if (tries === 1) logger.warn({ err: error.cause }, `waiting: ${error.message}`)
      await sleep(awaitEveryMs)
    }
  }
}

const awaitEveryMs = 500

/** ConfigError, in one sentence, when the schema lacks migrations of the folder or the database cannot be asked. */
export async function assertMigrated(database: Sequelize, folder: URL): Promise<void> {
  const wanted = await migrationNamesIn(folder)
  const applied = new Set(await appliedIn(database))
  const missing = wanted.filter((name) => !applied.has(name))
  if (missing.length > 0) {
    throw new ConfigError(
      `The database lacks ${missing.length} of ${wanted.length} migrations: run \`registrar migrate\`.`,
    )
  }
}

async function appliedIn(database: Sequelize): Promise<string[]> {
  try {
    const rows = await database.query<{ name: string }>('select name from migrations', {
      type: QueryTypes.SELECT,
    })
    return rows.map(({ name }) => name)
  } catch (error) {
    if (isMissingTable(error)) return []
    const { host, port } = database.config as { host?: string; port?: string | number }
    throw explainFailure(error, `${host}:${port ?? 5432}`)
  }
}

function isMissingTable(error: unknown): boolean {
  return stateOf(error) === '42P01'
}

/** PostgreSQL's code for what went wrong; empty when it said nothing. */
function stateOf(error: unknown): string {
  const original = error instanceof Error && 'original' in error ? error.original : error
  return original instanceof Error && 'severity' in original ? String(Reflect.get(original, 'code')) : ''
}

function explainFailure(error: unknown, place: string): unknown {
  const state = stateOf(error)
  if (state === '28P01' || state === '28000') {
    return new ConfigError(
      `PostgreSQL at ${place} refuses the user or the password: set DATABASE_URL to those it knows.`,
    )
  }
  if (state === '3D000') {
    return new ConfigError(
      `PostgreSQL at ${place} has no such database: make it, or set DATABASE_URL to another.`,
    )
  }
  return outageOf(error) === 'away' ? new DatabaseAway(place, error) : error
}

/** It may come yet. */
class DatabaseAway extends ConfigError {
  constructor(place: string, cause: unknown) {
    super(`PostgreSQL at ${place} does not answer: start it, or set DATABASE_URL to one that runs.`)
    this.cause = cause
  }
}

async function migrationNamesIn(folder: URL): Promise<string[]> {
  const files = await readdir(folder)
  return files
    .filter((file) => /^\d{14}-[a-z0-9-]+\.ts$/.test(file))
    .map((file) => file.slice(0, -'.ts'.length))
    .toSorted()
}
