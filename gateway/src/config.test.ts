import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { ConfigError } from '#kit/config.ts'
import { createTestAuthority, writeCertificates } from '#kit/testing/certificates.ts'
import { createTestTokens } from '#kit/testing/tokens.ts'
import { readGatewayConfig } from './config.ts'

const tokens = await createTestTokens()
const production = {
  NODE_ENV: 'production',
  JWT_ISSUER: 'issuer',
  JWT_PUBLIC_SIGNING_JWK_SET: JSON.stringify(tokens.config.jwks),
}

test('what is not set has its documented default', async () => {
  expect(await readGatewayConfig(production)).toMatchObject({
    listen: { host: '127.0.0.1', port: 18734 },
    apiRoot: 'http://127.0.0.1:18734/api',
    corsOrigins: [],
    rateLimit: 0,
    peers: { catalog: 'http://127.0.0.1:18742', jobs: 'http://127.0.0.1:18744' },
  })
})

test('API_ROOT follows the port, and loses a slash at its end', async () => {
  expect((await readGatewayConfig({ ...production, GATEWAY_PORT: '9000' })).apiRoot).toBe(
    'http://127.0.0.1:9000/api',
  )
  const config = await readGatewayConfig({ ...production, API_ROOT: 'https://registrar.example.com/api/' })
  expect(config.apiRoot).toBe('https://registrar.example.com/api')
})

test('with a certificate of its own the gateway speaks HTTPS, and says so in its links', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'registrar-tls-'))
  try {
    const { cert, key } = await writeCertificates(folder, await (await createTestAuthority()).issue())
    const env = { ...production, GATEWAY_TLS_CERT_FILE: cert, GATEWAY_TLS_KEY_FILE: key }
    const { listen, apiRoot, peers, tls } = await readGatewayConfig(env)
    expect(listen.tls?.read().cert).toBeDefined()
    expect(apiRoot).toBe('https://127.0.0.1:18734/api')
    expect([peers.catalog, tls]).toEqual(['http://127.0.0.1:18742', undefined])
  } finally {
    await rm(folder, { recursive: true })
  }
})

test('origins are a list with commas', async () => {
  const config = await readGatewayConfig({
    ...production,
    CORS_ORIGIN_WHITELIST: 'https://a.test, http://b.test:1',
  })
  expect(config.corsOrigins).toEqual(['https://a.test', 'http://b.test:1'])
})

test.each([
  [{ CORS_ORIGIN_WHITELIST: 'https://a.test/' }, 'CORS_ORIGIN_WHITELIST'],
  [{ CORS_ORIGIN_WHITELIST: '*' }, 'CORS_ORIGIN_WHITELIST'],
  [{ GATEWAY_PORT: 'x' }, 'GATEWAY_PORT'],
  [{ RATE_LIMIT: '-1' }, 'RATE_LIMIT'],
  [{ RATE_LIMIT: '10/m' }, 'RATE_LIMIT'],
  [{ API_ROOT: 'registrar.example.com' }, 'API_ROOT'],
  [{ GATEWAY_TLS_CERT_FILE: 'gateway.crt' }, 'GATEWAY_TLS_KEY_FILE is missing'],
  [{ JWT_PUBLIC_SIGNING_JWK_SET: '' }, 'No token could be verified'],
])('%j cannot be used, and says so', async (env, sentence) => {
  const reading = readGatewayConfig({ ...production, ...env })
  await expect(reading).rejects.toThrow(ConfigError)
  await expect(reading).rejects.toThrow(sentence)
})

test('service tokens are not for the gateway, whatever is set', async () => {
  const config = await readGatewayConfig({
    ...production,
    SERVICE_PUBLIC_KEY: JSON.stringify(tokens.servicePublicJwk),
  })
  expect(config.jwt).not.toHaveProperty('serviceKeys')
})
