import { generateKeyPairSync } from 'node:crypto'
import { CompactEncrypt, exportJWK, exportSPKI, generateKeyPair, SignJWT } from 'jose'
import { beforeAll, describe, expect, test } from 'vitest'
import { Reason } from './errors.ts'
import { claims, part, signByHmac, signByRsa } from './testing/forgery.ts'
import { createTestTokens, type TestTokens } from './testing/tokens.ts'
import { createTokenVerifier, type TokenVerifier } from './tokens.ts'

let tokens: TestTokens
let verifier: TokenVerifier
beforeAll(async () => {
  tokens = await createTestTokens()
  verifier = createTokenVerifier(tokens.config)
})

const invalid = expect.objectContaining({ reason: Reason.TOKEN_INVALID, message: 'Invalid token.' })

// Signed with the right key, whatever the parts hold.
const signRaw = (header: object, payload: string) => signByRsa(header, payload, tokens.privateJwk)

describe('a forged token is refused', () => {
  const forgeries: Record<string, () => string | Promise<string>> = {
    'alg none': () => `${part({ alg: 'none' })}.${part(claims())}.`,
    'alg None': () => `${part({ alg: 'None' })}.${part(claims())}.AAAA`,
    'alg nOnE with a signature of nothing': () => `${part({ alg: 'nOnE' })}.${part(claims())}.${part('x')}`,
    'HS256 without a secret configured': () =>
      signByHmac({ alg: 'HS256' }, 'a secret of at least thirty-two bytes'),
    'HS256 signed with the public key': async () => {
      const { publicKey } = await generateKeyPair('RS256')
      return signByHmac({ alg: 'HS256' }, await exportSPKI(publicKey))
    },
    'HS256 signed with the JWK': () =>
      signByHmac({ alg: 'HS256', kid: tokens.kid }, JSON.stringify(tokens.config.jwks?.keys[0])),
    RS384: () => tokens.mint({}, { alg: 'RS384' }),
    PS256: async () => {
      const { privateKey } = await generateKeyPair('PS256')
      return new SignJWT(claims()).setProtectedHeader({ alg: 'PS256', kid: tokens.kid }).sign(privateKey)
    },
    'ES256 with a signature of zeros': () =>
      `${part({ alg: 'ES256', kid: tokens.kid })}.${part(claims())}.${Buffer.alloc(64).toString('base64url')}`,
    'another key of the same name': async () => (await createTestTokens()).mint(),
    'a key in the header': async () => {
      const { privateKey, publicKey } = await generateKeyPair('RS256', { extractable: true })
      const jwk = await exportJWK(publicKey)
      return new SignJWT(claims()).setProtectedHeader({ alg: 'RS256', jwk }).sign(privateKey)
    },
    'an unknown kid': () => tokens.mint({}, { kid: 'other' }),
    'a kid that is a path': () => tokens.mint({}, { kid: '../../etc/passwd' }),
    'a kid of SQL': () => tokens.mint({}, { kid: "' or 1=1 --" }),
    'a kid of 10 kB': () => tokens.mint({}, { kid: 'k'.repeat(10_000) }),
    'a kid that is no text': () => tokens.mint({}, { kid: 7 as never }),
    'an unknown crit': () =>
      signRaw({ alg: 'RS256', kid: tokens.kid, crit: ['exp'], exp: 1 }, JSON.stringify(claims())),
    'an unencoded payload': () =>
      signRaw({ alg: 'RS256', kid: tokens.kid, crit: ['b64'], b64: false }, JSON.stringify(claims())),
    'an id token': () => tokens.mint({}, { typ: 'id+jwt' }),
    'a logout token': () => tokens.mint({}, { typ: 'logout+jwt' }),
    'a payload that is a list': () => signRaw({ alg: 'RS256', kid: tokens.kid }, '[1]'),
    'a payload that is a text': () => signRaw({ alg: 'RS256', kid: tokens.kid }, '"partner"'),
    'a payload that is no JSON': () => signRaw({ alg: 'RS256', kid: tokens.kid }, 'partner'),
    'a deep payload': () =>
      signRaw({ alg: 'RS256', kid: tokens.kid }, `{"a":${'['.repeat(3000)}${']'.repeat(3000)}}`),
    'a header that is a list': () => `${part('[]')}.${part(claims())}.AAAA`,
    'a token in a token': async () =>
      signRaw({ alg: 'RS256', kid: tokens.kid, cty: 'JWT' }, await tokens.mint()),
    'an encrypted token': async () => {
      const { publicKey } = await generateKeyPair('RSA-OAEP-256')
      return new CompactEncrypt(Buffer.from(JSON.stringify(claims())))
        .setProtectedHeader({ alg: 'RSA-OAEP-256', enc: 'A256GCM' })
        .encrypt(publicKey)
    },
    'more than 8 kB': () => tokens.mint({ padding: 'x'.repeat(8_192) }),
    garbage: () => 'garbage',
    dots: () => '..',
    'four parts': async () => `${await tokens.mint()}.AAAA`,
    'no signature': async () => (await tokens.mint()).replace(/[^.]+$/, ''),
    'half a signature': async () => (await tokens.mint()).slice(0, -100),
    padding: async () => `${await tokens.mint()}=`,
    'the other alphabet': async () =>
      `${await tokens.mint()}`
        .replaceAll('-', '+')
        .replaceAll('_', '/')
        .replace(/\.(?=[^.]*$)/, '.+'),
    'a NUL at the end': async () => `${await tokens.mint()}\u0000`,
    'letters that are none': async () => `${await tokens.mint()}é`,
  }
  test.each(Object.entries(forgeries))('%s', async (_, forge) => {
    await expect(verifier.verify(`JWT ${await forge()}`)).rejects.toEqual(invalid)
  })

  test('and its like that nobody forged passes', async () => {
    const token = signRaw({ alg: 'RS256', kid: tokens.kid }, JSON.stringify(claims()))
    expect(await verifier.verify(`JWT ${token}`)).toMatchObject({ username: 'partner' })
  })

  test('a flipped bit anywhere', async () => {
    const token = await tokens.mint()
    const alphabet = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_'
    for (let index = 0; index < token.length; index++) {
      const letter = alphabet.indexOf(token.charAt(index))
      if (letter === -1) continue
      const flipped = token.slice(0, index) + alphabet.charAt(letter ^ 1) + token.slice(index + 1)
      await expect(verifier.verify(`JWT ${flipped}`), `at ${index}`).rejects.toEqual(invalid)
    }
  })

  test('a key of fewer than 2048 bits, although it is in the set', async () => {
    const { privateKey, publicKey } = generateKeyPairSync('rsa', { modulusLength: 1024 })
    const kid = 'weak'
    const weak = createTokenVerifier({
      ...tokens.config,
      jwks: { keys: [{ ...publicKey.export({ format: 'jwk' }), kid } as never] },
    })
    const token = signByRsa({ alg: 'RS256', kid }, JSON.stringify(claims()), privateKey)
    await expect(weak.verify(`JWT ${token}`)).rejects.toEqual(invalid)
  })
})
