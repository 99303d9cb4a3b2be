import type { Sequelize } from 'sequelize'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { openDatabase } from './database.ts'
import { Reason } from './errors.ts'
import { createLogger } from './logger.ts'
import { reasonOf, retryAfterOf, toConnectError } from './rpc-errors.ts'
import { startPostgres, type TestPostgres } from './testing/postgres.ts'

let postgres: TestPostgres
let database: Sequelize
const lines: string[] = []
const logger = createLogger('probe', 'info', { write: (line) => void lines.push(line) })

beforeAll(async () => {
  // One of its own: it is made to hang.
  postgres = await startPostgres()
  database = openDatabase(postgres.url, 'public', logger, { poolSize: 2 })
  await database.query('select 1')
})
afterAll(async () => {
  postgres.thaw()
  await database.close()
  await postgres.stop()
})

const told = async (work: Promise<unknown>) =>
  toConnectError(
    await work.then(
      () => 'no error',
      (error: unknown) => error,
    ),
  )

async function expectsToComeBack(work: Promise<unknown>): Promise<void> {
  const error = await told(work)
  expect(reasonOf(error)).toBe(Reason.UNAVAILABLE)
  expect(retryAfterOf(error)).toBe(1)
}

test('while PostgreSQL hangs callers are told to come back, at once after a while, and are served when it answers', async () => {
  postgres.freeze()
  const work = [
    database.query('select 1'),
    database.transaction(async () => 1),
    // The pool has two connections.
    database.query('select 1'),
  ]
  await Promise.all(work.map(expectsToComeBack))
  const beganAt = performance.now()
  await expectsToComeBack(database.query('select 1'))
  expect(performance.now() - beganAt).toBeLessThan(1_000)
  postgres.thaw()
  await expect
    .poll(
      () =>
        database.query('select 1').then(
          () => 'served',
          () => 'refused',
        ),
      { timeout: 5_000 },
    )
    .toBe('served')
  expect(lines.map((line) => JSON.parse(line).msg)).toEqual([
    'PostgreSQL does not answer: what needs it is refused until it does',
    'PostgreSQL answers again',
  ])
}, 30_000)

test('a statement that only takes long is let run', async () => {
  await database.query('select pg_sleep(6)')
}, 20_000)
