import { randomBytes } from 'node:crypto'
import { SignJWT } from 'jose'
import { beforeAll, describe, expect, test, vi } from 'vitest'
import { ConfigError } from './config.ts'
import { Reason } from './errors.ts'
import { claims, signByHmac } from './testing/forgery.ts'
import { createTestTokens, type TestTokens } from './testing/tokens.ts'
import { createTokenVerifier, type TokenVerifier } from './tokens.ts'

const secret = 'a secret of at least thirty-two bytes'
const now = () => Math.floor(Date.now() / 1000)

let tokens: TestTokens
let verifier: TokenVerifier
beforeAll(async () => {
  tokens = await createTestTokens()
  verifier = createTokenVerifier(tokens.config)
})

const refusal = (reason: Reason, message: string) => expect.objectContaining({ reason, message })
const invalid = refusal(Reason.TOKEN_INVALID, 'Invalid token.')
const missing = refusal(Reason.CREDENTIALS_MISSING, 'Authentication credentials were not provided.')
const nameless = refusal(
  Reason.TOKEN_USERNAME_MISSING,
  'JWT must include a preferred_username or username claim!',
)

describe('a valid token names its user', () => {
  test('with all that it says about them', async () => {
    const token = await tokens.mint({ email: 'p@school.example', administrator: true, version: '1.2.0' })
    const principal = await verifier.verify(`JWT ${token}`)
    expect(principal).toEqual({
      kind: 'user',
      username: 'partner',
      email: 'p@school.example',
      administrator: true,
      restricted: false,
      token,
    })
  })

  test.each([
    ['scheme in any case', {}, {}, 'jWt'],
    ['Bearer', {}, {}, 'bearer'],
    ['RS512', {}, { alg: 'RS512' }, 'JWT'],
    ['no kid', {}, { kid: undefined }, 'JWT'],
    ['no typ', {}, { typ: undefined }, 'JWT'],
    ['an access token by RFC 9068', {}, { typ: 'at+JWT' }, 'JWT'],
    ['an audience among others', { aud: ['other', 'test-audience'] }, {}, 'JWT'],
    ['a clock that is a little ahead', { iat: now() + 3 }, {}, 'JWT'],
    ['version 1', { version: '1' }, {}, 'JWT'],
    ['only the username claim', { preferred_username: undefined, username: 'partner' }, {}, 'JWT'],
    ['an unusable preferred_username', { preferred_username: '', username: 'partner' }, {}, 'JWT'],
    [
      'a sender’s key that nobody asked for',
      {},
      { jku: 'https://evil.example/keys', x5u: 'https://evil.example' },
      'JWT',
    ],
  ])('%s', async (_, more, header, scheme) => {
    const token = await tokens.mint(more, { typ: 'JWT', ...header })
    expect(await verifier.verify(`${scheme} ${token}`)).toMatchObject({ username: 'partner' })
  })

  test('restricted tokens verify and say so', async () => {
    const token = await tokens.mint({ is_restricted: true })
    expect(await verifier.verify(`JWT ${token}`)).toMatchObject({ restricted: true })
  })

  test('an e-mail or flag of another type is as good as none', async () => {
    const token = await tokens.mint({ email: 'x\u0000@y', administrator: 'yes', is_restricted: 'no' })
    expect(await verifier.verify(`JWT ${token}`)).toEqual({
      kind: 'user',
      username: 'partner',
      restricted: false,
      token,
    })
  })

  test('several keys and no kid: the one that fits is found', async () => {
    const other = await createTestTokens()
    const keys = [...(other.config.jwks?.keys ?? []), ...(tokens.config.jwks?.keys ?? [])]
    const both = createTokenVerifier({ ...tokens.config, jwks: { keys } })
    expect(await both.verify(`JWT ${await tokens.mint({}, { kid: undefined })}`)).toMatchObject({
      username: 'partner',
    })
    const foreign = await (await createTestTokens()).mint({}, { kid: undefined })
    await expect(both.verify(`JWT ${foreign}`)).rejects.toEqual(invalid)
  })
})

test.each([
  ['nothing', undefined],
  ['null', null],
  ['an empty header', ''],
  ['a scheme alone', 'JWT'],
  ['a scheme and blanks', 'JWT   '],
  ['two tokens', 'JWT a.b.c d.e.f'],
  ['two headers in one', 'JWT a.b.c, JWT d.e.f'],
  ['another scheme', 'Basic dXNlcjpwYXNz'],
  ['a token alone', 'a.b.c'],
])('%s counts as no credentials', async (_, header) => {
  await expect(verifier.verify(header)).rejects.toEqual(missing)
})

test('a scheme that this process does not take counts as no credentials', async () => {
  const gateway = createTokenVerifier(tokens.config, { schemes: ['JWT'] })
  const token = await tokens.mint()
  await expect(gateway.verify(`Bearer ${token}`)).rejects.toEqual(missing)
  expect(await gateway.verify(`JWT ${token}`)).toMatchObject({ username: 'partner' })
})

describe('claims', () => {
  test.each([
    ['expired', { exp: now() - 1 }],
    ['no exp', { exp: undefined }],
    ['exp as text', { exp: String(now() + 60) as never }],
    ['negative exp', { exp: -1 }],
    ['endless exp', { exp: 1e308 }],
    ['not yet valid', { nbf: now() + 60 }],
    ['no iat', { iat: undefined }],
    ['iat as text', { iat: '0' as never }],
    ['issued in the future', { iat: now() + 60 }],
    ['no issuer', { iss: undefined }],
    ['another issuer', { iss: 'other' }],
    ['a longer issuer', { iss: 'test-issuer/' }],
    ['a shorter issuer', { iss: 'test-issue' }],
    ['issuers', { iss: ['test-issuer'] as never }],
    ['no audience', { aud: undefined }],
    ['another audience', { aud: 'other' }],
    ['no audience among none', { aud: [] }],
    ['version 2', { version: '2.0' }],
    ['version 2 as a number', { version: 2 }],
    ['version 10', { version: '10.0' }],
    ['a version that is none', { version: 'one' }],
  ])('%s: refused', async (_, more) => {
    await expect(verifier.verify(`JWT ${await tokens.mint(more)}`)).rejects.toEqual(invalid)
  })

  test.each([
    ['no name', { preferred_username: undefined }],
    ['an empty name', { preferred_username: '' }],
    ['a blank name', { preferred_username: '  ' }],
    ['a number for a name', { preferred_username: 7 }],
    ['a name of 151 characters', { preferred_username: 'x'.repeat(151) }],
    ['a name with a NUL', { preferred_username: 'partner\u0000' }],
    ['two names that are none', { preferred_username: null, username: ['partner'] }],
  ])('%s: told', async (_, more) => {
    await expect(verifier.verify(`JWT ${await tokens.mint(more)}`)).rejects.toEqual(nameless)
  })

  test('a name of 150 characters is taken', async () => {
    const token = await tokens.mint({ preferred_username: 'x'.repeat(150) })
    expect(await verifier.verify(`JWT ${token}`)).toMatchObject({ username: 'x'.repeat(150) })
  })
})

describe('a shared secret', () => {
  const byHand = (key: string | Buffer) => signByHmac({ alg: 'HS256' }, key)

  test('verifies HS256, beside a key set or alone', async () => {
    const both = createTokenVerifier({ ...tokens.config, secret })
    expect(await both.verify(`JWT ${byHand(secret)}`)).toMatchObject({ username: 'partner' })
    expect(await both.verify(`JWT ${await tokens.mint()}`)).toMatchObject({ username: 'partner' })
    const { issuer, audience } = tokens.config
    const alone = createTokenVerifier({ issuer, audience, secret })
    expect(await alone.verify(`JWT ${byHand(secret)}`)).toMatchObject({ username: 'partner' })
    await expect(alone.verify(`JWT ${await tokens.mint()}`)).rejects.toEqual(invalid)
  })

  test('refuses another secret and another algorithm', async () => {
    const both = createTokenVerifier({ ...tokens.config, secret })
    await expect(both.verify(`JWT ${byHand(randomBytes(32))}`)).rejects.toEqual(invalid)
    const key = new TextEncoder().encode(secret.repeat(2))
    const { issuer, audience } = tokens.config
    const long = createTokenVerifier({ issuer, audience, secret: secret.repeat(2) })
    const token = await new SignJWT(claims()).setProtectedHeader({ alg: 'HS512' }).sign(key)
    await expect(long.verify(`JWT ${token}`)).rejects.toEqual(invalid)
  })

  test('must have 32 bytes', () => {
    expect(() => createTokenVerifier({ ...tokens.config, secret: 'x'.repeat(31) })).toThrow(ConfigError)
  })
})

test('a verifier that could verify nothing is not made', () => {
  expect(() => createTokenVerifier({ issuer: 'i', audience: 'a' })).toThrow('No token could be verified: set')
  expect(() => createTokenVerifier({ issuer: 'i', audience: 'a', jwks: { nokeys: [] } as never })).toThrow(
    ConfigError,
  )
})

describe('a token that verified before', () => {
  test('is remembered for a minute at most, and not beyond its end', async () => {
    vi.useFakeTimers({ toFake: ['Date'] })
    try {
      const once = createTokenVerifier(tokens.config)
      const short = `JWT ${await tokens.mint({ exp: now() + 10 })}`
      const first = await once.verify(short)
      expect(await once.verify(short)).toBe(first)
      vi.setSystemTime(Date.now() + 10_001)
      await expect(once.verify(short)).rejects.toEqual(invalid)

      const long = `JWT ${await tokens.mint()}`
      const before = await once.verify(long)
      vi.setSystemTime(Date.now() + 59_000)
      expect(await once.verify(long)).toBe(before)
      vi.setSystemTime(Date.now() + 2_000)
      expect(await once.verify(long)).not.toBe(before)
    } finally {
      vi.useRealTimers()
    }
  })

  test('cannot be changed by who gets it', async () => {
    const principal = await verifier.verify(`JWT ${await tokens.mint()}`)
    expect(() => Object.assign(principal, { username: 'somebody else' })).toThrow(TypeError)
  })

  test('is forgotten when many others came after it', async () => {
    const once = createTokenVerifier(tokens.config)
    const token = `JWT ${await tokens.mint()}`
    const first = await once.verify(token)
    const services = await createTestTokens()
    const crowd = createTokenVerifier({
      ...tokens.config,
      secret,
      serviceKeys: { keys: [services.servicePublicJwk] },
    })
    const oldest = await crowd.verify(token)
    for (let i = 0; i < 2_000; i++) {
      await crowd.verify(`JWT ${signByHmac({ alg: 'HS256', i }, secret)}`)
    }
    expect(await crowd.verify(token)).not.toBe(oldest)
    expect(await once.verify(token)).toBe(first)
  })
})
