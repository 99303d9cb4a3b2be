import {
  decodeProtectedHeader,
  errors,
  type JSONWebKeySet,
  type JWTPayload,
  type JWTVerifyGetKey,
  type JWTVerifyOptions,
  jwtVerify,
} from 'jose'
import { ConfigError } from './config.ts'
import { DomainError, Reason } from './errors.ts'
import type { UserPrincipal, VerifiedToken } from './principal.ts'
import { fetchRemoteKeys, readLocalKeys } from './user-keys.ts'

/** What the tokens of people are verified with. At least one of `jwks`, `jwksUrl` and `secret` must be given. */
export type UserTokenConfig = {
  issuer: string
  audience: string
  /** RS256 and RS512 keys, given as they are. */
  jwks?: JSONWebKeySet
  /** Where to fetch them. */
  jwksUrl?: URL
  /** HS256; 32 bytes at least. */
  secret?: string
}

const futureToleranceSeconds = 5
const maximumDate = 253_402_300_799
const tokenTypes = [undefined, 'jwt', 'at+jwt']

/** Verifies the tokens of people. ConfigError when there is nothing to verify with. */
export function createUserTokenVerifier(
  config: UserTokenConfig,
): (token: string) => Promise<VerifiedToken<UserPrincipal>> {
  const keySources: JWTVerifyGetKey[] = [
    ...(config.jwks === undefined ? [] : [readLocalKeys(config.jwks)]),
    ...(config.jwksUrl === undefined ? [] : [fetchRemoteKeys(config.jwksUrl)]),
  ]
  const secret = config.secret === undefined ? undefined : new TextEncoder().encode(config.secret)
  if (secret !== undefined && secret.byteLength < 32) {
    throw new ConfigError('JWT_SECRET_KEY is too short: set it to a secret of 32 bytes or more.')
  }
  if (keySources.length === 0 && secret === undefined) {
    throw new ConfigError(
      'No token could be verified: set JWT_PUBLIC_SIGNING_JWK_SET, JWT_JWKS_URL or JWT_SECRET_KEY.',
    )
  }
  const { issuer, audience } = config
  const wanted = { issuer, audience, requiredClaims: ['exp', 'iat', 'iss', 'aud'] }

  return async (token) => {
    const { alg, typ } = decodeProtectedHeader(token)
    if (!tokenTypes.includes(typ?.toLowerCase().replace(/^application\//, ''))) {
      throw new Error('a token for something else')
    }
    if (alg !== 'HS256') {
      return accept(
        token,
        await verifyBySources(token, keySources, { ...wanted, algorithms: ['RS256', 'RS512'] }),
      )
    }
    if (secret === undefined) throw new Error('HS256 without a secret')
    return accept(token, (await jwtVerify(token, secret, { ...wanted, algorithms: ['HS256'] })).payload)
  }
}

async function verifyBySources(
  token: string,
  sources: JWTVerifyGetKey[],
  wanted: JWTVerifyOptions,
): Promise<JWTPayload> {
  let failure: unknown = new Error('no key set')
  for (const source of sources) {
    try {
      return await verifyByKeySet(token, source, wanted)
    } catch (error) {
      // That keys could not be fetched weighs more: with them the token might have passed.
      if (!(failure instanceof DomainError)) failure = error
    }
  }
  throw failure
}

async function verifyByKeySet(
  token: string,
  find: JWTVerifyGetKey,
  wanted: JWTVerifyOptions,
): Promise<JWTPayload> {
  try {
    return (await jwtVerify(token, find, wanted)).payload
  } catch (error) {
    // A token without a `kid` may be signed by any of them.
    if (!(error instanceof errors.JWKSMultipleMatchingKeys)) throw error
    for await (const key of error) {
      try {
        return (await jwtVerify(token, key, wanted)).payload
      } catch (inner) {
        if (!(inner instanceof errors.JWSSignatureVerificationFailed)) throw inner
      }
    }
    throw error
  }
}

function accept(token: string, claims: JWTPayload): VerifiedToken<UserPrincipal> {
  const { exp, iat, version } = claims
  if (!isDate(exp) || !isDate(iat)) throw new Error('not a date')
  if (iat > Date.now() / 1000 + futureToleranceSeconds) throw new Error('issued in the future')
  if (version !== undefined && !/^[01](\.|$)/.test(String(version))) throw new Error('of another version')
  const principal: UserPrincipal = {
    kind: 'user',
    username: usernameOf(claims),
    ...(isText(claims.email, 254) ? { email: claims.email } : {}),
    ...(typeof claims.administrator === 'boolean' ? { administrator: claims.administrator } : {}),
    restricted: claims.is_restricted === true,
    token,
  }
  return { principal: Object.freeze(principal), expiresAt: exp }
}

function isDate(value: unknown): value is number {
  return typeof value === 'number' && value >= 0 && value <= maximumDate
}

function usernameOf(claims: JWTPayload): string {
  const name = [claims.preferred_username, claims.username].find((each) => isText(each, 150))
  if (name !== undefined) return name as string
  throw new DomainError(
    Reason.TOKEN_USERNAME_MISSING,
    'JWT must include a preferred_username or username claim!',
  )
}

// What a database column takes: no control characters, no broken surrogates.
function isText(value: unknown, maximumLength: number): value is string {
  return (
    typeof value === 'string' &&
    value.trim() !== '' &&
    value.length <= maximumLength &&
    !/\p{Cc}/u.test(value) &&
    value.isWellFormed()
  )
}
