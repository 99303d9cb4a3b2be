import { setTimeout as sleep } from 'node:timers/promises'
import pg from 'pg'
import { QueryTypes, type Sequelize } from 'sequelize'
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest'
import { apartFromCall, withinCall } from './call-signal.ts'
import { openDatabase, withClient } from './database.ts'
import { createLogger } from './logger.ts'
import { createTestDatabase, type TestDatabase } from './testing/postgres.ts'

let server: TestDatabase
let watcher: pg.Client
let database: Sequelize

beforeAll(async () => {
  server = await createTestDatabase()
  watcher = new pg.Client({ connectionString: server.url })
  await watcher.connect()
  await watcher.query('create schema probe')
  await watcher.query('create table probe.things (id int primary key)')
  database = openDatabase(server.url, 'probe', createLogger('probe', 'silent'), { poolSize: 2 })
})
afterAll(async () => {
  await database.close()
  await watcher.end()
  await server.drop()
})
beforeEach(() => watcher.query('truncate probe.things'))

/** How many statements of the pool run with this text in them. */
async function running(text: string): Promise<number> {
  const { rows } = await watcher.query<{ count: number }>(
    `select count(*)::int as count from pg_stat_activity
     where application_name = 'registrar probe' and state = 'active' and query like $1`,
    [`%${text}%`],
  )
  return rows[0]?.count ?? 0
}
const untilRunning = (text: string) => expect.poll(() => running(text), { timeout: 10_000 }).toBe(1)
const untilGone = (text: string) => expect.poll(() => running(text), { timeout: 1_000, interval: 20 }).toBe(0)

const failureOf = (work: Promise<unknown>) =>
  work.then(
    () => expect.unreachable('it should have failed'),
    (error: Error) => error,
  )

async function one(sql: string): Promise<unknown> {
  const rows = await database.query<Record<string, unknown>>(sql, { type: QueryTypes.SELECT })
  return Object.values(rows[0] ?? {})[0]
}

const ids = async () =>
  (await watcher.query('select id from probe.things order by id')).rows.map(({ id }) => id)

test.each([
  ['by Sequelize', (sql: string) => one(sql)],
  ['with values', (sql: string) => database.query(`${sql} where $1 = 1`, { bind: [1] })],
  ['on a lent connection', (sql: string) => withClient(database, (client) => client.query(sql))],
])('a statement %s ends in PostgreSQL with its call', async (_, send) => {
  const call = new AbortController()
  const failed = failureOf(withinCall(call.signal, () => send('select pg_sleep(60) as slow')))
  await untilRunning('as slow')
  call.abort()
  await untilGone('as slow')
  expect(String(await failed)).toContain('canceling statement')
})

test('the connection of a cancelled statement serves on, and no later statement is met by the cancel', async () => {
  const pids = new Set<unknown>()
  for (let round = 0; round < 30; round++) {
    const call = new AbortController()
    // Some are cancelled while they run, some as they end.
    const work = withinCall(call.signal, () => one('select pg_backend_pid() from pg_sleep(0.01)'))
    await sleep(round % 15)
    call.abort()
    await work.catch(() => {})
    pids.add(await one('select pg_backend_pid() from pg_sleep(0.002)'))
  }
  expect(pids.size).toBeLessThanOrEqual(2)
})

test('a transaction is rolled back, the connection comes back to the pool', async () => {
  const call = new AbortController()
  const failed = failureOf(
    withinCall(call.signal, () =>
      database.transaction(async (transaction) => {
        await database.query('insert into things values (1)', { transaction })
        await database.query('select pg_sleep(60) as held', { transaction })
      }),
    ),
  )
  await untilRunning('as held')
  call.abort()
  await failed
  expect(await ids()).toEqual([])
  expect(await Promise.all([1, 2].map(() => one('select 1')))).toEqual([1, 1])
})

test('what has begun to commit is committed', async () => {
  const call = new AbortController()
  await withinCall(call.signal, () =>
    database.transaction(async (transaction) => {
      await database.query('insert into things values (2)', { transaction })
      call.abort()
    }),
  )
  expect(await ids()).toEqual([2])
})

test('a statement that comes after the end of its call is not sent', async () => {
  const call = new AbortController()
  call.abort()
  const error = await failureOf(
    withinCall(call.signal, () => database.query('insert into things values (3)')),
  )
  expect(String(error)).toContain('the call was over')
  expect(await ids()).toEqual([])
})

test('what goes on apart from its call is not cancelled', async () => {
  const call = new AbortController()
  const work = withinCall(call.signal, () =>
    apartFromCall(() => one('select count(*)::int from pg_sleep(0.3) as apart')),
  )
  await untilRunning('as apart')
  call.abort()
  expect(await work).toBe(1)
})

test('a connection that one call opened is not bound to it', async () => {
  const fresh = openDatabase(server.url, 'probe', createLogger('probe', 'silent'), { poolSize: 1 })
  const call = new AbortController()
  try {
    await withinCall(call.signal, () => fresh.query('select 1'))
    call.abort()
    await fresh.query('select 1')
  } finally {
    await fresh.close()
  }
})
