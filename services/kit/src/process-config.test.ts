import { mkdtemp, readdir, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { ConfigError } from './config.ts'
import { loadOrCreateDevelopmentKeys } from './keys.ts'
import { readProcessConfig } from './process-config.ts'
import { wholeNumber } from './settings.ts'
import { createTestTokens } from './testing/tokens.ts'

const everything = ['listen', 'database', 'jwt', 'serviceKey', 'resultLinks'] as const

let folder: string
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'registrar-config-'))
})
afterEach(() => rm(folder, { recursive: true }))

async function faultsOf(reading: Promise<unknown>): Promise<readonly string[]> {
  return reading.then(
    () => [],
    (error: unknown) => {
      expect(error).toBeInstanceOf(ConfigError)
      return (error as ConfigError).faults
    },
  )
}

async function productionEnv(): Promise<NodeJS.ProcessEnv> {
  const tokens = await createTestTokens()
  return {
    NODE_ENV: 'production',
    REGISTRAR_DATA_DIR: folder,
    DATABASE_URL: 'postgresql://u:p@db.example:5432/registrar',
    JWT_ISSUER: 'https://lms.example/oauth2',
    JWT_AUDIENCE: 'audience',
    JWT_PUBLIC_SIGNING_JWK_SET: JSON.stringify(tokens.config.jwks),
    SERVICE_PRIVATE_KEY: JSON.stringify(tokens.servicePrivateJwk),
    RESULT_LINK_SECRET: 'a secret of more than 32 characters',
  }
}

test('with nothing set, development keys and the ports of one machine are used', async () => {
  const env = { REGISTRAR_DATA_DIR: folder }
  const config = await readProcessConfig(env, {
    name: 'access-control',
    needs: everything,
    peers: ['catalog'],
  })
  const keys = await loadOrCreateDevelopmentKeys(folder)
  expect(config).toMatchObject({
    name: 'access-control',
    isProduction: false,
    logLevel: 'info',
    dataDir: folder,
    listen: { host: '127.0.0.1', port: 18741 },
    database: {
      url: `postgresql://registrar:${keys.postgresPassword}@127.0.0.1:18745/registrar`,
      poolSize: 10,
    },
    jwt: { issuer: 'registrar-development', audience: 'registrar', jwks: JSON.parse(keys.jwksJson) },
    serviceKey: { privateJwk: keys.servicePrivateJwk },
    resultLinks: { secret: keys.linkSecret },
    peers: { catalog: 'http://127.0.0.1:18742' },
  })
  expect(config.jwt.serviceKeys?.keys.map(({ d }) => d)).toEqual([undefined])
})

test('what is set is used, and no keys are made that nobody needs', async () => {
  const env = {
    ...(await productionEnv()),
    NODE_ENV: 'development',
    JOBS_HOST: '0.0.0.0',
    JOBS_PORT: '9001',
    JOBS_DATABASE_URL: 'postgresql://u:p@jobs.example/jobs',
    DATABASE_POOL_SIZE: '3',
    CATALOG_PORT: '9002',
    ENROLLMENT_URL: 'https://enrollment.example/',
    LIMIT: '7',
  }
  const config = await readProcessConfig(env, {
    name: 'jobs',
    needs: everything,
    peers: ['catalog', 'enrollment'],
    own: { LIMIT: wholeNumber({ min: 1, max: 10, default: 1 }) },
  })
  expect(config).toMatchObject({
    listen: { host: '0.0.0.0', port: 9001 },
    database: { url: 'postgresql://u:p@jobs.example/jobs', poolSize: 3 },
    jwt: { issuer: 'https://lms.example/oauth2', audience: 'audience' },
    peers: { catalog: 'http://127.0.0.1:9002', enrollment: 'https://enrollment.example' },
    own: { LIMIT: 7 },
  })
  expect(await readdir(folder)).toEqual([])
})

test('a process gets what it asked for and nothing more', async () => {
  const config = await readProcessConfig(
    { REGISTRAR_DATA_DIR: folder },
    { name: 'gateway', needs: ['listen'] },
  )
  expect(Object.keys(config).toSorted()).toEqual([
    'dataDir',
    'isProduction',
    'listen',
    'logLevel',
    'name',
    'own',
    'peers',
    'tls',
  ])
  expect(await readdir(folder)).toEqual([])
})

test('production starts with everything set', async () => {
  const config = await readProcessConfig(await productionEnv(), { name: 'jobs', needs: everything })
  expect(config.isProduction).toBe(true)
  expect(config.jwt.serviceKeys?.keys).toMatchObject([{ kty: 'OKP', crv: 'Ed25519' }])
})

test('service tokens may be verified by several keys, so that one can take the place of another', async () => {
  const keys = [(await createTestTokens()).servicePublicJwk, (await createTestTokens()).servicePublicJwk]
  const env = { ...(await productionEnv()), SERVICE_PUBLIC_KEY: JSON.stringify({ keys }) }
  const { jwt } = await readProcessConfig(env, { name: 'jobs', needs: ['jwt'] })
  expect(jwt.serviceKeys).toEqual({ keys })
})

test('who takes only callers’ tokens needs no key of ours', async () => {
  const { SERVICE_PRIVATE_KEY: _, ...env } = await productionEnv()
  const { userJwt } = await readProcessConfig(env, { name: 'gateway', needs: ['userJwt'] })
  expect(userJwt).not.toHaveProperty('serviceKeys')
})

test('production with nothing set tells all that is missing', async () => {
  const env = { NODE_ENV: 'production', REGISTRAR_DATA_DIR: folder, LOG_LEVEL: 'loud' }
  expect(await faultsOf(readProcessConfig(env, { name: 'jobs', needs: everything }))).toEqual([
    'LOG_LEVEL is not usable: set it to one of trace, debug, info, warn, error, fatal, silent.',
    'DATABASE_URL is missing: set it to a PostgreSQL URL, postgresql://user:password@host:5432/database.',
    'No token could be verified: set JWT_PUBLIC_SIGNING_JWK_SET to the key set of the LMS, JWT_JWKS_URL to its address, or JWT_SECRET_KEY to a shared secret.',
    'JWT_ISSUER is missing: set it to the `iss` claim of the tokens.',
    'SERVICE_PUBLIC_KEY is missing: set it to the public half of SERVICE_PRIVATE_KEY, as JWK JSON, or to a key set with it, {"keys": […]}.',
    'SERVICE_PRIVATE_KEY is missing: set it to a private Ed25519 key, as JWK JSON.',
    'RESULT_LINK_SECRET is missing: set it to a secret of 32 characters or more.',
  ])
  expect(await readdir(folder)).toEqual([])
})

test('production refuses development keys that were copied into its settings', async () => {
  const keys = await loadOrCreateDevelopmentKeys(folder)
  const env = {
    ...(await productionEnv()),
    JWT_PUBLIC_SIGNING_JWK_SET: keys.jwksJson,
    SERVICE_PRIVATE_KEY: JSON.stringify(keys.servicePrivateJwk),
    RESULT_LINK_SECRET: keys.linkSecret,
  }
  const faults = await faultsOf(readProcessConfig(env, { name: 'jobs', needs: everything }))
  expect(faults.map((fault) => fault.split(' is a development key')[0])).toEqual([
    'JWT_PUBLIC_SIGNING_JWK_SET',
    'SERVICE_PUBLIC_KEY',
    'SERVICE_PRIVATE_KEY',
    'RESULT_LINK_SECRET',
  ])
})

const notTheServicesKeys =
  'SERVICE_PUBLIC_KEY is not usable: set it to the public half of SERVICE_PRIVATE_KEY, as JWK JSON, or to a key set with it, {"keys": […]}.'

test.each<readonly [NodeJS.ProcessEnv, string]>([
  [
    { JWT_PUBLIC_SIGNING_JWK_SET: '{"keys":[]}' },
    'JWT_PUBLIC_SIGNING_JWK_SET is not usable: set it to a JSON Web Key Set with RSA keys, {"keys": […]}.',
  ],
  [
    { JWT_JWKS_URL: 'lms.example' },
    'JWT_JWKS_URL is not usable: set it to a URL that starts with http:// or https://.',
  ],
  [{ JWT_SECRET_KEY: 'short' }, 'JWT_SECRET_KEY is too short: set it to a secret of 32 bytes or more.'],
  [{ SERVICE_PUBLIC_KEY: '{"kty":"RSA"}' }, notTheServicesKeys],
  ...['{"keys":[]}', '{"keys":[null]}', '{"keys":{}}', '{"keys":[{"kty":"RSA"}]}'].map(
    (set) => [{ SERVICE_PUBLIC_KEY: set }, notTheServicesKeys] as const,
  ),
  [
    { SERVICE_PRIVATE_KEY: '{"kty":"OKP","crv":"Ed25519","x":"public"}' },
    'SERVICE_PRIVATE_KEY is not usable: set it to a private Ed25519 key, as JWK JSON.',
  ],
  [
    { RESULT_LINK_SECRET: 'short' },
    'RESULT_LINK_SECRET is too short: set it to a secret of 32 characters or more.',
  ],
  [
    { DATABASE_URL: 'localhost:5432' },
    'DATABASE_URL is not usable: set it to a PostgreSQL URL, postgresql://user:password@host:5432/database.',
  ],
  [{ CATALOG_PORT: 'http' }, 'CATALOG_PORT is not usable: set it to a free port from 1 to 65535.'],
])('%j is told once', async (wrong, fault) => {
  const env = { ...(await productionEnv()), ...wrong }
  expect(
    await faultsOf(readProcessConfig(env, { name: 'jobs', needs: everything, peers: ['catalog'] })),
  ).toEqual([fault])
})
