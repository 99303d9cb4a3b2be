import { mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { importJWK, SignJWT } from 'jose'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { ConfigError } from './config.ts'
import { developmentIssuer, loadOrCreateDevelopmentKeys } from './keys.ts'
import { createServiceTokenIssuer } from './service-tokens.ts'
import { createTokenVerifier } from './tokens.ts'

let folder: string
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'registrar-keys-'))
})
afterEach(() => rm(folder, { recursive: true }))

test('keys are made once, for their owner only, in a folder that need not exist', async () => {
  const dataDir = join(folder, 'a', 'b')
  const keys = await loadOrCreateDevelopmentKeys(dataDir)
  expect(await loadOrCreateDevelopmentKeys(dataDir)).toEqual(keys)
  expect((await stat(join(dataDir, 'development-keys.json'))).mode & 0o777).toBe(0o600)
})

test('processes that start at once agree on one set', async () => {
  const all = await Promise.all(Array.from({ length: 8 }, () => loadOrCreateDevelopmentKeys(folder)))
  expect(new Set(all.map((keys) => JSON.stringify(keys))).size).toBe(1)
})

test('what the keys sign verifies', async () => {
  const keys = await loadOrCreateDevelopmentKeys(folder)
  const verifier = createTokenVerifier({
    issuer: developmentIssuer,
    audience: 'registrar',
    jwks: JSON.parse(keys.jwksJson),
    serviceKeys: { keys: [keys.servicePrivateJwk] },
  })
  const token = await new SignJWT({ preferred_username: 'partner' })
    .setProtectedHeader({ alg: 'RS256' })
    .setIssuer(developmentIssuer)
    .setAudience('registrar')
    .setIssuedAt()
    .setExpirationTime('1h')
    .sign(await importJWK(keys.jwtPrivateJwk))
  expect(await verifier.verify(`JWT ${token}`)).toMatchObject({ username: 'partner' })
  const service = await createServiceTokenIssuer(keys.servicePrivateJwk, 'operator')()
  expect(await verifier.verify(`Bearer ${service}`)).toMatchObject({ service: 'operator' })
  expect(JSON.parse(keys.jwksJson).keys[0]).not.toHaveProperty('d')
})

test('production refuses them', async () => {
  await loadOrCreateDevelopmentKeys(folder)
  await expect(loadOrCreateDevelopmentKeys(folder, 'production')).rejects.toThrow(ConfigError)
})

test('a broken file is said so and left as it is', async () => {
  await writeFile(join(folder, 'development-keys.json'), '{"jwtPrivateJwk"')
  await expect(loadOrCreateDevelopmentKeys(folder)).rejects.toThrow(
    'does not hold development keys: delete it',
  )
  expect(await readFile(join(folder, 'development-keys.json'), 'utf8')).toBe('{"jwtPrivateJwk"')
})
