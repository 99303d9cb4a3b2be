import type { Sequelize } from 'sequelize'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { openDatabase } from './database.ts'
import { databaseChecks } from './database-checks.ts'
import { createLogger } from './logger.ts'
import { createMetrics } from './metrics.ts'
import { migrate } from './migrate.ts'
import { createReadiness } from './readiness.ts'
import { startPostgres, type TestPostgres } from './testing/postgres.ts'
import { readMetrics } from './testing/read-metrics.ts'

const migrations = new URL('../../jobs/migrations/', import.meta.url)
const logger = createLogger('probe', 'silent')
const metrics = createMetrics(false)
let postgres: TestPostgres
let database: Sequelize

beforeAll(async () => {
  // One of its own: it is taken away midway.
  postgres = await startPostgres()
  database = openDatabase(postgres.url, 'jobs', logger, { poolSize: 2, metrics })
})
afterAll(async () => {
  await database.close()
  await postgres.stop()
})

test('the pool tells how many connections are used, and how many statements wait for one', async () => {
  const statements = Array.from({ length: 3 }, () => database.query('select pg_sleep(1)'))
  await expect
    .poll(() => readMetrics(metrics, 'db_client_connections'))
    .toEqual({
      'db_client_connections{state="used"}': 2,
      'db_client_connections{state="idle"}': 0,
      db_client_connections_max: 2,
      db_client_connections_waiting: 1,
    })
  await Promise.all(statements)
  expect(await readMetrics(metrics, 'db_client_connection')).toMatchObject({
    db_client_connection_wait_seconds_count: 3,
    'db_client_connections{state="used"}': 0,
    'db_client_connections{state="idle"}': 2,
    db_client_connections_waiting: 0,
  })
})

test('a process is ready with a database that has all migrations, and not while it is away', async () => {
  const readiness = createReadiness(logger, metrics)
  readiness.started(databaseChecks(database, migrations))
  const report = () => readiness.report()
  expect(await report()).toEqual({
    status: 'not ready',
    checks: { database: 'ok', migrations: 'failing' },
  })
  await migrate(postgres.url, 'jobs', migrations)
  const ready = { status: 'ready', checks: { database: 'ok', migrations: 'ok' } }
  await expect.poll(report, { timeout: 5_000 }).toEqual(ready)
  await postgres.pause()
  const away = { status: 'not ready', checks: { database: 'failing', migrations: 'failing' } }
  await expect.poll(report, { timeout: 10_000 }).toEqual(away)
  const values = await readMetrics(metrics, 'registrar_')
  expect(values).toMatchObject({ registrar_ready: 0, 'registrar_check_up{check="database"}': 0 })
  await postgres.resume()
  await expect.poll(report, { timeout: 10_000 }).toEqual(ready)
})
