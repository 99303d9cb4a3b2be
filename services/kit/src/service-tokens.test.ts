import {
  calculateJwkThumbprint,
  decodeJwt,
  decodeProtectedHeader,
  importJWK,
  type JWK,
  type JWTPayload,
  SignJWT,
} from 'jose'
import { afterEach, beforeAll, describe, expect, test, vi } from 'vitest'
import { Reason } from './errors.ts'
import { createServiceTokenIssuer } from './service-tokens.ts'
import { createTestTokens, type TestTokens } from './testing/tokens.ts'
import { createTokenVerifier, type TokenVerifier } from './tokens.ts'

let tokens: TestTokens
let verifier: TokenVerifier
beforeAll(async () => {
  tokens = await createTestTokens()
  verifier = createTokenVerifier(tokens.config)
})
afterEach(() => {
  vi.useRealTimers()
})

const invalid = expect.objectContaining({ reason: Reason.TOKEN_INVALID })

async function forge(more: JWTPayload, header: object = {}): Promise<string> {
  const now = Math.floor(Date.now() / 1000)
  const claims = {
    iss: 'registrar',
    aud: 'registrar-internal',
    sub: 'operator',
    iat: now,
    exp: now + 60,
    ...more,
  }
  return new SignJWT(claims)
    .setProtectedHeader({ alg: 'EdDSA', typ: 'registrar-service+jwt', ...header })
    .sign(await importJWK(tokens.servicePrivateJwk, 'EdDSA'))
}

test.each(['jobs-worker', 'operator'] as const)('%s is known by its token', async (service) => {
  const token = await tokens.mintService(service)
  expect(await verifier.verify(`Bearer ${token}`)).toEqual({ kind: 'service', service, token })
})

test('a token is used again until shortly before its end', async () => {
  vi.useFakeTimers({ toFake: ['Date'] })
  const issue = createServiceTokenIssuer(tokens.servicePrivateJwk, 'operator')
  const first = await issue()
  vi.setSystemTime(Date.now() + 30_000)
  expect(await issue()).toBe(first)
  vi.setSystemTime(Date.now() + 15_000)
  const second = await issue()
  expect(second).not.toBe(first)
  const { iat = 0, exp = 0 } = decodeJwt(second)
  expect(exp - iat).toBe(60)
})

test.each<[string, JWTPayload, object?]>([
  ['of a stranger', { sub: 'catalog' }],
  ['of nobody', { sub: undefined }],
  ['that has ended', { iat: 1_000, exp: 1_060 }],
  ['that lives longer than a minute', { exp: Math.floor(Date.now() / 1000) + 600 }],
  ['that never ends', { exp: undefined }],
  ['without a beginning', { iat: undefined }],
  ['from the future', { iat: Math.floor(Date.now() / 1000) + 60, exp: Math.floor(Date.now() / 1000) + 90 }],
  ['of another issuer', { iss: 'test-issuer' }],
  ['for another audience', { aud: 'test-audience' }],
  ['that does not say it is one', {}, { typ: 'JWT' }],
])('a service token %s is refused', async (_, claims, header) => {
  await expect(verifier.verify(`Bearer ${await forge(claims, header)}`)).rejects.toEqual(invalid)
})

test('one that nothing was changed in passes: the refusals above are due to what was changed', async () => {
  expect(await verifier.verify(`Bearer ${await forge({})}`)).toMatchObject({ service: 'operator' })
})

test('a user’s token never passes as a service token, nor the reverse', async () => {
  const claims = { iss: 'registrar', aud: 'registrar-internal', sub: 'operator' }
  const asService = await tokens.mint(claims, { typ: 'registrar-service+jwt' })
  await expect(verifier.verify(`Bearer ${asService}`)).rejects.toEqual(invalid)
  const asUser = await forge(
    { iss: 'test-issuer', aud: 'test-audience', preferred_username: 'partner' },
    { typ: 'JWT' },
  )
  await expect(verifier.verify(`Bearer ${asUser}`)).rejects.toEqual(invalid)
})

test('a key in the user’s key set does not make service tokens', async () => {
  const mixed = createTokenVerifier({
    ...tokens.config,
    serviceKeys: { keys: [(await createTestTokens()).servicePublicJwk] },
  })
  await expect(mixed.verify(`Bearer ${await tokens.mintService('operator')}`)).rejects.toEqual(invalid)
})

test('a verifier without the service key refuses service tokens', async () => {
  const { serviceKeys: _, ...config } = tokens.config
  const gateway = createTokenVerifier(config, { schemes: ['JWT'] })
  await expect(gateway.verify(`JWT ${await tokens.mintService('operator')}`)).rejects.toEqual(invalid)
})

describe('while one key takes the place of another', () => {
  const both = async (names: readonly [string?, string?]) => {
    const sets = [await createTestTokens(), await createTestTokens()]
    const named = sets.map((each, index) => {
      const kid = names[index]
      return {
        privateJwk: { ...each.servicePrivateJwk, ...(kid && { kid }) },
        publicJwk: { ...each.servicePublicJwk, ...(kid && { kid }) },
      }
    })
    const accepting = (keys: JWK[]) => createTokenVerifier({ ...tokens.config, serviceKeys: { keys } })
    return { named, accepting }
  }

  test.each([[['old', 'new']], [[undefined, undefined]], [['old', undefined]], [['same', 'same']]] as const)(
    'tokens of both pass, with the names %j, and name their key',
    async (names) => {
      const { named, accepting } = await both(names)
      const verify = accepting(named.map(({ publicJwk }) => publicJwk)).verify
      for (const [index, { privateJwk }] of named.entries()) {
        const token = await createServiceTokenIssuer(privateJwk, 'jobs-worker')()
        expect(await verify(`Bearer ${token}`)).toMatchObject({ service: 'jobs-worker' })
        expect(decodeProtectedHeader(token).kid).toBe(
          names[index] ?? (await calculateJwkThumbprint(privateJwk)),
        )
      }
    },
  )

  test('a key may be called otherwise where it signs, and a token need not name it', async () => {
    const { named, accepting } = await both(['old', 'new'])
    const { verify } = accepting(named.map(({ publicJwk: { kid: _, ...publicJwk } }) => publicJwk))
    const token = await createServiceTokenIssuer(named[1]?.privateJwk as JWK, 'operator')()
    expect(await verify(`Bearer ${token}`)).toMatchObject({ service: 'operator' })
    expect(await verifier.verify(`Bearer ${await forge({})}`)).toMatchObject({ service: 'operator' })
  })

  test('a token of a key that was taken out is refused', async () => {
    const { named, accepting } = await both(['old', 'new'])
    const { verify } = accepting([named[1]?.publicJwk as JWK])
    const token = await createServiceTokenIssuer(named[0]?.privateJwk as JWK, 'operator')()
    await expect(verify(`Bearer ${token}`)).rejects.toEqual(invalid)
  })
})
