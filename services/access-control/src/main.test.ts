import { once } from 'node:events'
import { text } from 'node:stream/consumers'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { createTestDatabase, type TestDatabase } from '#kit/testing/postgres.ts'
import { createTestTokens } from '#kit/testing/tokens.ts'
import { findFreePort, launch, serviceEnv } from './testing/start-service.ts'

let database: TestDatabase

beforeAll(async () => {
  database = await createTestDatabase()
})
afterAll(() => database.drop())

async function failToStart(env: Record<string, string>) {
  const child = launch(env)
  const [errors, [code]] = await Promise.all([
    text(child.stderr as NodeJS.ReadableStream),
    once(child, 'exit'),
  ])
  return { code, errors: errors.trim().split('\n') }
}

test('it does not start on a schema that is behind, and says what to do', async () => {
  const env = serviceEnv(database, await createTestTokens(), await findFreePort())
  const { code, errors } = await failToStart(env)
  expect(code).toBe(1)
  expect(errors).toEqual([expect.stringMatching(/run `registrar migrate`/)])
})

test('it does not start in production without the settings that it needs, and names them all', async () => {
  const { code, errors } = await failToStart({ NODE_ENV: 'production', ACCESS_CONTROL_PORT: 'http' })
  expect(code).toBe(1)
  for (const name of [
    'ACCESS_CONTROL_PORT',
    'DATABASE_URL',
    'JWT_PUBLIC_SIGNING_JWK_SET',
    'JWT_ISSUER',
    'SERVICE_PUBLIC_KEY',
  ]) {
    expect(errors).toContainEqual(expect.stringContaining(name))
  }
})
