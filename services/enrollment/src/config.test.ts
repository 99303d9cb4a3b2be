import { expect, test } from 'vitest'
import { createTestTokens } from '#kit/testing/tokens.ts'
import { readEnrollmentConfig } from './config.ts'

async function makeEnvironment(more: Record<string, string> = {}) {
  const { config, servicePublicJwk } = await createTestTokens()
  return {
    NODE_ENV: 'production',
    DATABASE_URL: 'postgresql://u:p@127.0.0.1:5432/registrar',
    JWT_ISSUER: config.issuer,
    JWT_PUBLIC_SIGNING_JWK_SET: JSON.stringify(config.jwks),
    SERVICE_PUBLIC_KEY: JSON.stringify(servicePublicJwk),
    ...more,
  }
}

test('the ports of the system are the default', async () => {
  const config = await readEnrollmentConfig(await makeEnvironment())
  expect(config.listen).toEqual({ host: '127.0.0.1', port: 18743 })
  expect(config.peers).toEqual({ catalog: 'http://127.0.0.1:18742' })
  expect(config.database.url).toBe('postgresql://u:p@127.0.0.1:5432/registrar')
})

test('its own database goes before the common one', async () => {
  const own = 'postgresql://u:p@127.0.0.1:5432/own'
  const config = await readEnrollmentConfig(await makeEnvironment({ ENROLLMENT_DATABASE_URL: own }))
  expect(config.database.url).toBe(own)
})

test('with an LMS it needs credentials for it, and says so in one sentence each', async () => {
  const env = await makeEnvironment({ LMS_BASE_URL: 'https://lms.example.org' })
  await expect(readEnrollmentConfig(env)).rejects.toThrow(
    /^BACKEND_SERVICE_EDX_OAUTH2_KEY is missing: .*\.\nBACKEND_SERVICE_EDX_OAUTH2_SECRET is missing: .*\.$/,
  )
})

test('with an LMS and credentials it keeps enrollments there, without one in tables', async () => {
  const env = await makeEnvironment({
    LMS_BASE_URL: 'https://lms.example.org/',
    BACKEND_SERVICE_EDX_OAUTH2_KEY: 'key',
    BACKEND_SERVICE_EDX_OAUTH2_SECRET: 'secret',
    LMS_PAGE_SIZE: '500',
  })
  expect((await readEnrollmentConfig(env)).lms).toEqual({
    baseUrl: 'https://lms.example.org',
    credentials: { key: 'key', secret: 'secret', providerUrl: 'https://lms.example.org/oauth2' },
    pageSize: 500,
  })
  expect((await readEnrollmentConfig(await makeEnvironment())).lms).toBeUndefined()
})
