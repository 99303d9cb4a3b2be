import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { pathToFileURL } from 'node:url'
import { Worker } from 'node:worker_threads'
import pg from 'pg'
import { pino } from 'pino'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { ConfigError } from './config.ts'
import { openDatabase } from './database.ts'
import { createLogger } from './logger.ts'
import { assertMigrated, migrate, untilMigrated } from './migrate.ts'
import { createTestDatabase, startPostgres, type TestDatabase } from './testing/postgres.ts'

let database: TestDatabase
let client: pg.Client
let folder: string
let schema: string
let count = 0

beforeAll(async () => {
  database = await createTestDatabase()
  client = new pg.Client({ connectionString: database.url })
  await client.connect()
})
afterAll(async () => {
  await client.end()
  await database.drop()
})
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'registrar-migrations-'))
  schema = `probe_${count++}`
})
afterEach(() => rm(folder, { recursive: true }))

const folderUrl = () => pathToFileURL(`${folder}/`)

async function addMigration(name: string, ...statements: string[]): Promise<void> {
  const body = statements.map((statement) => `  await sql(${JSON.stringify(statement)})`).join('\n')
  await writeFile(
    join(folder, `${name}.ts`),
    `export async function up(sql: (text: string) => Promise<void>) {\n${body}\n}\n`,
  )
}

async function rowsOf(query: string): Promise<unknown[]> {
  return (await client.query({ text: query, rowMode: 'array' })).rows.flat()
}

async function assertIn(where: string): Promise<void> {
  const sequelize = openDatabase(database.url, where, pino({ level: 'silent' }))
  try {
    await assertMigrated(sequelize, folderUrl())
  } finally {
    await sequelize.close()
  }
}

test('migrations run once each, in the order of their names, in the schema', async () => {
  await addMigration('20260102000000-second', 'insert into things values (1)')
  await addMigration('20260101000000-first', 'create table things (id int)')
  await writeFile(join(folder, 'README.md'), 'not a migration')
  expect(await migrate(database.url, schema, folderUrl())).toEqual([
    '20260101000000-first',
    '20260102000000-second',
  ])
  await addMigration('20260103000000-third', 'insert into things values (3)')
  expect(await migrate(database.url, schema, folderUrl())).toEqual(['20260103000000-third'])
  expect(await migrate(database.url, schema, folderUrl())).toEqual([])
  expect(await rowsOf(`select id from ${schema}.things order by id`)).toEqual([1, 3])
  expect(await rowsOf(`select name from ${schema}.migrations order by name`)).toHaveLength(3)
})

test('a migration that fails leaves nothing behind, and those before it stay', async () => {
  await addMigration('20260101000000-good', 'create table good (id int)')
  await addMigration('20260102000000-bad', 'create table bad (id int)', 'select nonsense')
  await expect(migrate(database.url, schema, folderUrl())).rejects.toThrow('nonsense')
  expect(
    await rowsOf(
      `select table_name from information_schema.tables where table_schema = '${schema}' order by 1`,
    ),
  ).toEqual(['good', 'migrations'])
  await addMigration('20260102000000-bad', 'create table bad (id int)')
  // The file was loaded before: another process loads it anew.
  expect(await rowsOf(`select name from ${schema}.migrations`)).toEqual(['20260101000000-good'])
})

test('processes that migrate at once take turns', async () => {
  await addMigration('20260101000000-first', 'create table things (id int)', 'select pg_sleep(0.3)')
  await addMigration('20260102000000-second', 'insert into things values (1)')
  const code = `
    import { parentPort, workerData } from 'node:worker_threads'
    const { migrate } = await import(workerData.module)
    parentPort.postMessage(await migrate(workerData.url, workerData.schema, new URL(workerData.folder)))`
  const workerData = {
    module: new URL('./migrate.ts', import.meta.url).href,
    url: database.url,
    schema,
    folder: folderUrl().href,
  }
  const results = await Promise.all(
    Array.from({ length: 3 }, () => {
      const worker = new Worker(new URL(`data:text/javascript,${encodeURIComponent(code)}`), { workerData })
      return new Promise<string[]>((resolve, reject) => {
        worker.on('message', resolve)
        worker.on('error', reject)
      })
    }),
  )
  expect(results.flat().toSorted()).toEqual(['20260101000000-first', '20260102000000-second'])
  expect(await rowsOf(`select id from ${schema}.things`)).toEqual([1])
})

test('schemas keep their migrations apart', async () => {
  await addMigration('20260101000000-first', 'create table things (id int)')
  const other = `${schema}_other`
  expect(await migrate(database.url, schema, folderUrl())).toHaveLength(1)
  expect(await migrate(database.url, other, folderUrl())).toHaveLength(1)
})

test('a service starts on a schema that is up to date, or ahead', async () => {
  await addMigration('20260101000000-first', 'create table things (id int)')
  await addMigration('20260102000000-second', 'create table more (id int)')
  await migrate(database.url, schema, folderUrl())
  await assertIn(schema)
  await rm(join(folder, '20260102000000-second.ts'))
  await assertIn(schema)
})

test('a service refuses a schema that is behind or missing, in a sentence', async () => {
  await addMigration('20260101000000-first', 'create table things (id int)')
  await expect(assertIn(schema)).rejects.toThrow(ConfigError)
  await expect(assertIn(schema)).rejects.toThrow(
    'The database lacks 1 of 1 migrations: run `registrar migrate`.',
  )
  await migrate(database.url, schema, folderUrl())
  await addMigration('20260102000000-second', 'create table more (id int)')
  await expect(assertIn(schema)).rejects.toThrow(
    'The database lacks 1 of 2 migrations: run `registrar migrate`.',
  )
})

test('a database that is away is told in a sentence', async () => {
  const nowhere = 'postgresql://u:p@127.0.0.1:1/registrar'
  const sentence =
    'PostgreSQL at 127.0.0.1:1 does not answer: start it, or set DATABASE_URL to one that runs.'
  await expect(migrate(nowhere, schema, folderUrl())).rejects.toThrow(ConfigError)
  await expect(migrate(nowhere, schema, folderUrl())).rejects.toThrow(sentence)
  const sequelize = openDatabase(nowhere, schema, pino({ level: 'silent' }))
  await expect(assertMigrated(sequelize, folderUrl())).rejects.toThrow(sentence)
  await sequelize.close()
})

describe('a process that starts', () => {
  const lines: string[] = []
  const logger = createLogger('probe', 'info', { write: (line) => void lines.push(line) })

  async function startOn(url: string): Promise<void> {
    const sequelize = openDatabase(url, schema, logger)
    try {
      await untilMigrated(sequelize, folderUrl(), logger)
    } finally {
      await sequelize.close()
    }
  }

  test('waits for a database that is away, and says so once', async () => {
    await addMigration('20260101000000-first', 'create table things (id int)')
    const postgres = await startPostgres()
    try {
      await migrate(postgres.url, schema, folderUrl())
      await postgres.pause()
      let isReady = false
      const starting = startOn(postgres.url).then(() => {
        isReady = true
      })
      await sleep(1_500)
      expect(isReady).toBe(false)
      expect(lines.filter((line) => line.includes('does not answer'))).toHaveLength(1)
      await postgres.resume()
      await starting
    } finally {
      await postgres.stop()
    }
  })

  test.each([
    [
      'password',
      (url: URL) => {
        url.password = 'wrong'
      },
      'refuses the user or the password',
    ],
    [
      'user',
      (url: URL) => {
        url.username = 'nobody'
      },
      'refuses the user or the password',
    ],
    [
      'database',
      (url: URL) => {
        url.pathname = '/nowhere'
      },
      'has no such database',
    ],
  ] as const)('ends at once when the %s is wrong', async (_, change, sentence) => {
    await addMigration('20260101000000-first', 'create table things (id int)')
    const url = new URL(database.url)
    change(url)
    await expect(startOn(url.href)).rejects.toThrow(ConfigError)
    await expect(startOn(url.href)).rejects.toThrow(sentence)
    await expect(migrate(url.href, schema, folderUrl())).rejects.toThrow(sentence)
  })

  test('ends at once when migrations are missing', async () => {
    await addMigration('20260101000000-first', 'create table things (id int)')
    await expect(startOn(database.url)).rejects.toThrow('run `registrar migrate`')
  })
})
