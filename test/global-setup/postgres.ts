import { startPostgres, type TestPostgres } from '#kit/testing/postgres.ts'

let postgres: TestPostgres | undefined

/** One PostgreSQL for all unit tests; each file makes a database of its own on it. */
export async function setup(): Promise<void> {
  postgres = await startPostgres()
  process.env.TEST_DATABASE_URL = postgres.url
}

export async function teardown(): Promise<void> {
  await postgres?.stop()
}
