import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { expect, test } from 'vitest'
import type { DevelopmentKeys } from '#kit/keys.ts'
import { createTestAuthority, writeCertificates } from '#kit/testing/certificates.ts'
import { fillEnvironment, narrowEnvironment, type ProgramName } from './environment.ts'
import { portClaimsOf, readStackSettings, urlOf } from './settings.ts'

const keys: DevelopmentKeys = {
  jwtPrivateJwk: { kty: 'RSA', d: 'callers-private' },
  jwksJson: '{"keys":["callers-public"]}',
  servicePrivateJwk: { kty: 'OKP', x: 'service-public', d: 'service-private' },
  linkSecret: 'link-secret',
  postgresPassword: 'postgres-password',
}
const programs: ProgramName[] = [
  ...(['migrations', 'access-control', 'catalog', 'enrollment'] as const),
  ...(['jobs', 'jobs-worker', 'gateway'] as const),
]

function environmentsOf(env: NodeJS.ProcessEnv): Record<ProgramName, NodeJS.ProcessEnv> {
  const settings = readStackSettings(env)
  const filled = fillEnvironment(
    env,
    settings,
    keys,
    'postgres://registrar:postgres-password@127.0.0.1:18745/registrar',
  )
  return Object.fromEntries(programs.map((name) => [name, narrowEnvironment(filled, name)])) as never
}

/** The programs whose environment holds this text anywhere. */
function holdersOf(text: string, env: NodeJS.ProcessEnv = {}): string[] {
  return Object.entries(environmentsOf(env))
    .filter(([, seen]) => JSON.stringify(seen).includes(text))
    .map(([name]) => name)
}

test('each secret reaches those that need it and nobody else', () => {
  expect(holdersOf('callers-private')).toEqual([])
  expect(holdersOf('service-private')).toEqual(['jobs-worker'])
  expect(holdersOf('link-secret')).toEqual(['jobs'])
  expect(holdersOf('postgres-password')).toEqual(programs.filter((name) => name !== 'gateway'))
  const cloud = { AWS_SECRET_ACCESS_KEY: 'aws-secret', BACKEND_SERVICE_EDX_OAUTH2_SECRET: 'edx-secret' }
  expect(holdersOf('aws-secret', cloud)).toEqual(['jobs', 'jobs-worker'])
  expect(holdersOf('edx-secret', cloud)).toEqual(['catalog', 'enrollment'])
  expect(holdersOf('jwt-secret', { JWT_SECRET_KEY: 'jwt-secret' })).toEqual([
    ...['access-control', 'catalog', 'enrollment', 'jobs', 'gateway'],
  ])
})

test('a database of one service reaches that service and the migrations', () => {
  const env = { CATALOG_DATABASE_URL: 'postgres://catalog-only@db/registrar' }
  expect(holdersOf('catalog-only', env)).toEqual(['migrations', 'catalog'])
})

test('what is set in the shell and is not a setting reaches nobody', () => {
  expect(holdersOf('stranger', { GITHUB_TOKEN: 'stranger', npm_config_x: 'stranger' })).toEqual([])
})

test('what is set wins over what would be filled in; what is set to nothing does not', () => {
  const { gateway } = environmentsOf({ API_ROOT: 'https://api.example.org/api', CATALOG_URL: '' })
  expect(gateway.API_ROOT).toBe('https://api.example.org/api')
  expect(gateway.CATALOG_URL).toBe('http://127.0.0.1:18742')
})

test('addresses follow the ports and hosts that are set', () => {
  const env = {
    GATEWAY_PORT: '20001',
    GATEWAY_HOST: '0.0.0.0',
    JOBS_HOST: '::1',
    JOBS_PORT: '20002',
    TEMPORAL_PORT: '20003',
  }
  const { gateway, jobs } = environmentsOf(env)
  expect(gateway).toMatchObject({ API_ROOT: 'http://127.0.0.1:20001/api', JOBS_URL: 'http://[::1]:20002' })
  expect(jobs).toMatchObject({ JOBS_PORT: '20002', TEMPORAL_ADDRESS: '127.0.0.1:20003' })
  expect(urlOf(readStackSettings(env), 'gateway')).toBe('http://127.0.0.1:20001')
})

test('of the ports for metrics each process learns its own', () => {
  const { gateway, migrations, ...rest } = environmentsOf({
    METRICS_PORT: '18750',
    CATALOG_METRICS_PORT: '9464',
  })
  expect(gateway.GATEWAY_METRICS_PORT).toBe('18750')
  expect(rest.catalog.CATALOG_METRICS_PORT).toBe('9464')
  expect(rest['jobs-worker'].JOBS_WORKER_METRICS_PORT).toBe('18755')
  expect(Object.keys({ ...gateway, ...migrations }).filter((name) => /METRICS/.test(name))).toEqual([
    'GATEWAY_METRICS_PORT',
  ])
})

test('certificates between processes reach all of them, the public one the gateway alone, and addresses follow', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'registrar-tls-'))
  try {
    const { cert, key } = await writeCertificates(folder, await (await createTestAuthority()).issue())
    const between = { TLS_CERT_FILE: cert, TLS_KEY_FILE: key }
    const everybody = environmentsOf({
      ...between,
      GATEWAY_TLS_CERT_FILE: 'public',
      GATEWAY_TLS_KEY_FILE: 'public',
    })
    for (const program of programs) expect(everybody[program]).toMatchObject(between)
    expect(holdersOf('public.key', { ...between, GATEWAY_TLS_KEY_FILE: 'public.key' })).toEqual(['gateway'])
    expect(everybody.gateway).toMatchObject({
      API_ROOT: 'https://127.0.0.1:18734/api',
      CATALOG_URL: 'https://127.0.0.1:18742',
    })
    expect(environmentsOf(between).gateway.API_ROOT).toBe('http://127.0.0.1:18734/api')
  } finally {
    await rm(folder, { recursive: true })
  }
})

test('keys of the operator’s own are not mixed with development keys', () => {
  const { gateway } = environmentsOf({ JWT_JWKS_URL: 'https://lms.example.org/jwks' })
  expect(gateway.JWT_PUBLIC_SIGNING_JWK_SET).toBeUndefined()
  const own = environmentsOf({ SERVICE_PRIVATE_KEY: '{"x":"own","d":"own-private"}' })
  expect(own['jobs-worker'].SERVICE_PRIVATE_KEY).toBe('{"x":"own","d":"own-private"}')
  expect(own.catalog.SERVICE_PUBLIC_KEY).toBe('{"x":"own"}')
})

test('the data folder is the same for everybody, wherever they are started', () => {
  const expected = resolve('somewhere')
  for (const seen of Object.values(environmentsOf({ REGISTRAR_DATA_DIR: 'somewhere' }))) {
    expect(seen.REGISTRAR_DATA_DIR).toBe(expected)
  }
})

test('a PostgreSQL or Temporal of the operator’s own is not started beside', () => {
  const partsOf = (env: NodeJS.ProcessEnv) =>
    new Set(portClaimsOf(readStackSettings(env)).map(({ part }) => part))
  expect(partsOf({})).toContain('postgres')
  expect(partsOf({ DATABASE_URL: 'postgres://u:p@db/registrar' })).not.toContain('postgres')
  expect(partsOf({ CATALOG_DATABASE_URL: 'postgres://u:p@db/registrar' })).toContain('postgres')
  expect(partsOf({ TEMPORAL_ADDRESS: 'temporal:7233' })).not.toContain('temporal')
})

test('bad settings are told together, a sentence each', () => {
  const bad = { GATEWAY_PORT: '0', REGISTRAR_DEMO: 'maybe', DATABASE_URL: 'mysql://db' }
  expect(() => readStackSettings(bad)).toThrow(/^REGISTRAR_DEMO is not usable: set it to true or false\.$/m)
  expect(() => readStackSettings(bad)).toThrow(
    /^DATABASE_URL is not usable: set it to a PostgreSQL URL, .*\.$/m,
  )
  expect(() => readStackSettings(bad)).toThrow(/^GATEWAY_PORT is not usable: set it to a free port .*\.$/m)
})

test('production is refused, since it could only be run with development keys', () => {
  expect(() => readStackSettings({ NODE_ENV: 'production' })).toThrow(
    /^NODE_ENV is production, which refuses .*\.$/,
  )
})
