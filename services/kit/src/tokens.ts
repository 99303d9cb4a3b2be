import { decodeProtectedHeader, type JSONWebKeySet } from 'jose'
import { DomainError, Reason } from './errors.ts'
import type { Principal, VerifiedToken } from './principal.ts'
import { createServiceTokenVerifier, serviceTokenType } from './service-tokens.ts'
import { rememberByToken } from './token-memory.ts'
import { createUserTokenVerifier, type UserTokenConfig } from './user-tokens.ts'

export type { Principal, ServiceName, UserPrincipal } from './principal.ts'
export { createServiceTokenIssuer } from './service-tokens.ts'

/** What tokens are verified with. */
export type JwtConfig = UserTokenConfig & {
  /** The keys of service tokens, several while one takes the place of another; without any no service token passes. */
  serviceKeys?: JSONWebKeySet
}

export type TokenVerifier = {
  /**
   * Who an `authorization` header names.
   *
   * CREDENTIALS_MISSING without exactly one token after an accepted scheme, TOKEN_INVALID when it does not verify,
   * TOKEN_USERNAME_MISSING, and UNAVAILABLE when the keys cannot be fetched. A restricted token verifies: to refuse it
   * is the caller's part.
   */
  verify(authorization: string | null | undefined): Promise<Principal>
}

const maximumTokenBytes = 8_192
const rememberedMs = 60_000

/**
 * Verifies callers' tokens and, when there are `serviceKeys`, service tokens. `schemes` defaults to JWT and Bearer;
 * their letter case does not matter. ConfigError when there is nothing to verify with.
 *
 * A token that verified is remembered, by its hash, for a minute at most: a key that was taken out of the set counts that
 * much longer.
 */
export function createTokenVerifier(
  config: JwtConfig,
  options: { schemes?: readonly string[] } = {},
): TokenVerifier {
  const schemes = new Set((options.schemes ?? ['JWT', 'Bearer']).map((scheme) => scheme.toLowerCase()))
  const verifyUserToken = createUserTokenVerifier(config)
  const verifyServiceToken = createServiceTokenVerifier(config.serviceKeys ?? { keys: [] })
  const remembered = rememberByToken<Principal>()

  async function verifyToken(token: string): Promise<VerifiedToken<Principal>> {
    if (!hasCanonicalForm(token)) throw new Error('not three base64url parts within 8 kB')
    if (decodeProtectedHeader(token).typ !== serviceTokenType) return verifyUserToken(token)
    return verifyServiceToken(token)
  }

  return {
    async verify(authorization) {
      const token = tokenOf(authorization, schemes)
      const known = remembered.recall(token)
      if (known !== undefined) return known
      const { principal, expiresAt } = await verifyToken(token).catch((cause: unknown) => {
        throw cause instanceof DomainError
          ? cause
          : new DomainError(Reason.TOKEN_INVALID, 'Invalid token.', { cause })
      })
      remembered.keep(token, principal, Math.min(expiresAt * 1000, Date.now() + rememberedMs))
      return principal
    },
  }
}

function tokenOf(authorization: string | null | undefined, schemes: Set<string>): string {
  const [scheme = '', token, ...more] = (authorization ?? '').split(/[ \t]+/).filter((part) => part !== '')
  if (token === undefined || more.length > 0 || !schemes.has(scheme.toLowerCase())) {
    throw new DomainError(Reason.CREDENTIALS_MISSING, 'Authentication credentials were not provided.')
  }
  return token
}

// Base64 decoders forgive padding, the other alphabet and stray bits at the end; with them one token has many spellings.
function hasCanonicalForm(token: string): boolean {
  if (token.length > maximumTokenBytes || !/^[\w-]+\.[\w-]+\.[\w-]+$/.test(token)) return false
  const signature = token.slice(token.lastIndexOf('.') + 1)
  return Buffer.from(signature, 'base64url').toString('base64url') === signature
}
