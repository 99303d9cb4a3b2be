import { readdirSync } from 'node:fs'
import pg from 'pg'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { createTestDatabase, type TestDatabase } from '#kit/testing/postgres.ts'
import { runRegistrar } from '../testing/run-registrar.ts'

const schemas = {
  'access-control': 'access_control',
  catalog: 'catalog',
  enrollment: 'enrollment',
  jobs: 'jobs',
}
const everything = Object.fromEntries(Object.keys(schemas).map((service) => [service, migrationsOf(service)]))
const nothing = Object.fromEntries(Object.keys(schemas).map((service) => [service, []]))

let database: TestDatabase

beforeEach(async () => {
  database = await createTestDatabase()
})
afterEach(() => database.drop())

function migrationsOf(service: string): string[] {
  return readdirSync(new URL(`../../../${service}/migrations/`, import.meta.url))
    .map((file) => file.replace(/\.ts$/, ''))
    .sort()
}

async function migrate(env: Record<string, string> = { DATABASE_URL: database.url }) {
  const { exitCode, stdout, stderr } = await runRegistrar(['migrate', '--json'], env)
  expect({ exitCode, stderr }).toEqual({ exitCode: 0, stderr: '' })
  return JSON.parse(stdout) as Record<string, string[]>
}

/** What the database says was applied, by service; services without tables in it are left out. */
async function recordedIn(url: string): Promise<Record<string, string[]>> {
  const client = new pg.Client({ connectionString: url })
  await client.connect()
  try {
    const recorded: Record<string, string[]> = {}
    for (const [service, schema] of Object.entries(schemas)) {
      const { rows } = await client.query<{ found: boolean }>('select to_regclass($1) is not null as found', [
        `${schema}.migrations`,
      ])
      if (!rows[0]?.found) continue
      const names = await client.query<{ name: string }>(
        `select name from ${schema}.migrations order by name`,
      )
      recorded[service] = names.rows.map(({ name }) => name)
    }
    return recorded
  } finally {
    await client.end()
  }
}

test('every service has migrations', () => {
  for (const names of Object.values(everything)) expect(names).not.toEqual([])
})

describe('an empty database', () => {
  test('gets the tables of every service, once', async () => {
    expect(await migrate()).toEqual(everything)
    expect(await recordedIn(database.url)).toEqual(everything)
    expect(await migrate()).toEqual(nothing)
    expect(await recordedIn(database.url)).toEqual(everything)
  })

  test('gets them once when two processes do it at once', async () => {
    const [one, other] = (await Promise.all([migrate(), migrate()])) as [typeof nothing, typeof nothing]

    for (const service of Object.keys(schemas)) {
      expect([...(one[service] ?? []), ...(other[service] ?? [])].sort()).toEqual(everything[service])
    }
    expect(await recordedIn(database.url)).toEqual(everything)
  })

  test('is told to people, first and then', async () => {
    const env = { DATABASE_URL: database.url }

    const first = await runRegistrar(['migrate'], env)
    expect(first.exitCode).toBe(0)
    expect(first.stdout).toMatch(/^access-control {2}applied \d{14}-\S+/)
    expect(first.stdout.trim().split('\n')).toHaveLength(4)
    expect((await runRegistrar(['migrate'], env)).stdout).toBe(
      [
        'access-control  up to date',
        'catalog         up to date',
        'enrollment      up to date',
        'jobs            up to date',
        '',
      ].join('\n'),
    )
  })
})

test('a service with a database of its own gets its tables there', async () => {
  const other = await createTestDatabase()
  await migrate({ DATABASE_URL: database.url, CATALOG_DATABASE_URL: other.url })

  const { catalog, ...rest } = everything
  expect(await recordedIn(database.url)).toEqual(rest)
  expect(await recordedIn(other.url)).toEqual({ catalog })
  await other.drop()
})

describe('refused with a sentence', () => {
  test('when PostgreSQL does not answer', async () => {
    const outcome = await runRegistrar(['migrate'], { DATABASE_URL: 'postgresql://u:p@127.0.0.1:9/d' })

    expect(outcome).toEqual({
      exitCode: 1,
      stdout: '',
      stderr: 'PostgreSQL at 127.0.0.1:9 does not answer: start it, or set DATABASE_URL to one that runs.\n',
    })
  })

  test('when the database refuses', async () => {
    const url = new URL(database.url)
    url.pathname = '/nowhere'
    const { exitCode, stderr } = await runRegistrar(['migrate'], { DATABASE_URL: url.href })

    expect(exitCode).toBe(1)
    expect(stderr).toBe(
      `PostgreSQL at ${url.host} has no such database: make it, or set DATABASE_URL to another.\n`,
    )
  })

  test('when there is neither a setting nor a data folder', async () => {
    expect(await runRegistrar(['migrate'], {})).toEqual({
      exitCode: 1,
      stdout: '',
      stderr:
        'There is no folder .registrar here: run this where the system was started, or set REGISTRAR_DATA_DIR or DATABASE_URL.\n',
    })
  })

  test('when production names no database', async () => {
    const { exitCode, stderr } = await runRegistrar(['migrate'], { NODE_ENV: 'production' })

    expect(exitCode).toBe(1)
    expect(stderr).toMatch(/^DATABASE_URL is missing: set it to /)
  })
})
