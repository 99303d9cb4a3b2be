import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { text } from 'node:stream/consumers'
import { expect, test } from 'vitest'
import { Reason } from '#kit/errors.ts'
import { createTestDatabase } from '#kit/testing/postgres.ts'
import { createTestTokens } from '#kit/testing/tokens.ts'
import { startTestCatalog } from './testing/catalog.ts'
import { refusalOf } from './testing/refusal.ts'

async function startAlone(env: Record<string, string>): Promise<{ code: unknown; complaint: string }> {
  const main = new URL('main.ts', import.meta.url).pathname
  const child = spawn(process.execPath, [main], { env: { NODE_ENV: 'production', ...env } })
  const [complaint, [code]] = await Promise.all([text(child.stderr), once(child, 'exit')])
  return { code, complaint }
}

test('the catalog does not start before its schema is there, and says what to do', async () => {
  const database = await createTestDatabase()
  const { config, servicePublicJwk } = await createTestTokens()
  const { code, complaint } = await startAlone({
    DATABASE_URL: database.url,
    JWT_ISSUER: config.issuer,
    JWT_PUBLIC_SIGNING_JWK_SET: JSON.stringify(config.jwks),
    SERVICE_PUBLIC_KEY: JSON.stringify(servicePublicJwk),
  })
  await database.drop()
  expect(code).toBe(1)
  expect(complaint).toContain('run `registrar migrate`')
})

test('the catalog names every setting that it lacks', async () => {
  const { code, complaint } = await startAlone({ CATALOG_PORT: '0' })
  expect(code).toBe(1)
  for (const name of ['CATALOG_PORT', 'DATABASE_URL', 'JWT_PUBLIC_SIGNING_JWK_SET', 'SERVICE_PUBLIC_KEY']) {
    expect(complaint).toContain(name)
  }
})

test('while access-control is away users are told to come back, and our own processes go on', async () => {
  const catalog = await startTestCatalog()
  try {
    await catalog.makeOrganization('stem')
    await catalog.makeProgram('masters', 'stem')
    const user = catalog.as('root', { superuser: true })
    await catalog.accessControl.close()
    const calls = [user.getProgram({ key: 'masters' }), user.listPrograms({})]
    for (const { reason } of await Promise.all(calls.map(refusalOf))) {
      expect(reason).toBe(Reason.UNAVAILABLE)
    }
    expect((await catalog.worker.getProgram({ key: 'masters' })).program?.key).toBe('masters')
  } finally {
    await catalog.stop()
  }
})
