import { setTimeout as sleep } from 'node:timers/promises'
import { QueryTypes, type Sequelize } from 'sequelize'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { openDatabase, withClient } from './database.ts'
import { Reason } from './errors.ts'
import { createLogger } from './logger.ts'
import { reasonOf, retryAfterOf, toConnectError } from './rpc-errors.ts'
import { startPostgres, type TestPostgres } from './testing/postgres.ts'

let postgres: TestPostgres
let database: Sequelize
const lines: string[] = []
const logger = createLogger('probe', 'trace', { write: (line) => void lines.push(line) })

beforeAll(async () => {
  // One of its own: it is stopped midway.
  postgres = await startPostgres()
  database = openDatabase(postgres.url, 'probe', logger, { poolSize: 3, statementTimeoutMs: 500 })
  await database.query('create schema probe')
  await database.query('create table students (student_key text primary key)')
})
afterAll(async () => {
  await database.close()
  await postgres.stop()
})

async function one(sql: string, bind: unknown[] = []): Promise<unknown> {
  const rows = await database.query<Record<string, unknown>>(sql, { bind, type: QueryTypes.SELECT })
  return Object.values(rows[0] ?? {})[0]
}
const told = async (work: Promise<unknown>) =>
  toConnectError(
    await work.then(
      () => 'no error',
      (error: unknown) => error,
    ),
  )

test('connections see their schema alone and say whose they are', async () => {
  expect(await one('show search_path')).toBe('probe')
  expect(await one('show application_name')).toBe('registrar probe')
  expect(await one("select count(*)::int from information_schema.tables where table_schema = 'probe'")).toBe(
    1,
  )
})

test('options in the address are kept, and do not take the place of ours', async () => {
  const url = `${postgres.url}?options=${encodeURIComponent('-c search_path=public -c work_mem=7MB')}`
  const other = openDatabase(url, 'probe', logger)
  try {
    const rows = await other.query<{ path: string; memory: string }>(
      "select current_setting('search_path') as path, current_setting('work_mem') as memory",
      { type: QueryTypes.SELECT },
    )
    expect(rows).toEqual([{ path: 'probe', memory: '7MB' }])
  } finally {
    await other.close()
  }
})

test('no more connections are opened than were asked for', async () => {
  const used = await Promise.all(
    Array.from({ length: 12 }, () => one('select pg_backend_pid() from pg_sleep(0.01)')),
  )
  expect(new Set(used).size).toBeLessThanOrEqual(3)
})

test('a statement that takes too long is ended', async () => {
  const error = await told(one('select pg_sleep(5)'))
  expect(reasonOf(error)).toBe(Reason.DEADLINE_EXCEEDED)
})

test('neither statements nor errors bring a learner into the log', async () => {
  lines.length = 0
  const insert = () => database.query('insert into students values ($1)', { bind: ['learner-7'] })
  await insert()
  await database.query('insert into students values (:key)', { replacements: { key: "lear'ner-8" } })
  const duplicate = await insert().catch((error: unknown) => error)
  const malformed = await one('select $1::uuid', ['learner-9']).catch((error: unknown) => error)
  logger.error({ err: duplicate }, 'failed')
  logger.error({ err: toConnectError(malformed).cause }, 'failed')
  logger.error({ err: new Error('wrapped', { cause: malformed }) }, 'failed')
  expect(lines.length).toBeGreaterThan(4)
  expect(lines.join('')).not.toMatch(/learner-|lear''ner/)
  expect(lines.join('')).toContain('insert into students')
})

test('a borrowed connection streams what does not fit into memory, and is given back', async () => {
  for (let i = 0; i < 5; i++) {
    const rows = await withClient(
      database,
      async (client) => (await client.query('select generate_series(1, 3) as n')).rows,
    )
    expect(rows).toEqual([{ n: 1 }, { n: 2 }, { n: 3 }])
    await expect(withClient(database, (client) => client.query('select nonsense'))).rejects.toThrow(
      'nonsense',
    )
  }
})

test('while PostgreSQL is away calls are told to come back, and they succeed when it is back', async () => {
  expect(await one('select 1')).toBe(1)
  const inFlight = told(one('select pg_sleep(0.4)'))
  const borrowed = told(withClient(database, (client) => client.query('select pg_sleep(0.4)')))
  await sleep(100)
  await postgres.pause()
  for (const error of [
    await inFlight,
    await borrowed,
    await told(one('select 1')),
    await told(database.transaction(async () => one('select 1'))),
    await told(withClient(database, (client) => client.query('select 1'))),
  ]) {
    expect(reasonOf(error)).toBe(Reason.UNAVAILABLE)
    expect(retryAfterOf(error)).toBe(1)
  }
  await postgres.resume()
  expect(await one('select 1')).toBe(1)
  expect(await Promise.all(Array.from({ length: 6 }, () => one('select 1')))).toEqual(Array(6).fill(1))
})
