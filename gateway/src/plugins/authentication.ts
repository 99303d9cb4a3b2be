import type { FastifyInstance, FastifyRequest } from 'fastify'
import { DomainError, Reason } from '#kit/errors.ts'
import type { TokenVerifier, UserPrincipal } from '#kit/tokens.ts'
import { isCsrfSafe } from './csrf.ts'
import type { LimitRate } from './rate-limit.ts'

export type AuthenticationOptions = {
  /** Accepts the scheme `JWT` only. */
  verifier: TokenVerifier
  /** Prefix of every URL of the API; its origin, and these, may use a caller's cookies. */
  apiRoot: string
  corsOrigins: readonly string[]
  limitRate: LimitRate
}

const safeMethods = new Set(['GET', 'HEAD', 'OPTIONS', 'TRACE'])
const cookieNames = {
  headerAndPayload: 'edx-jwt-cookie-header-payload',
  signature: 'edx-jwt-cookie-signature',
  whole: 'edx-jwt-cookie',
}

/**
 * Finds out who calls, from the `Authorization` header or from the LMS's cookies. An unsafe method that relies on cookies
 * without proof that our own page sent it counts as not authenticated. From then on the request counts for its sender.
 */
export function addAuthentication(app: FastifyInstance, options: AuthenticationOptions): void {
  const { origin, protocol } = new URL(options.apiRoot)
  const trustedOrigins = [origin, ...options.corsOrigins]
  const isSecure = protocol === 'https:'

  function credentialsOf(request: FastifyRequest): string | undefined {
    const { authorization, cookie } = request.headers
    if (cookie === undefined || (authorization !== undefined && /^jwt[ \t]/i.test(authorization))) {
      return authorization
    }
    const token = tokenIn(app.parseCookie(cookie))
    if (token === undefined) return authorization
    const mayUse = safeMethods.has(request.method) || isCsrfSafe(request, trustedOrigins, isSecure)
    return mayUse ? `JWT ${token}` : undefined
  }

  async function identify(request: FastifyRequest): Promise<void> {
    const principal = await options.verifier.verify(credentialsOf(request))
    if (principal.kind !== 'user') throw new DomainError(Reason.TOKEN_INVALID, 'Invalid token.')
    request.caller = principal
    if (principal.restricted) throw new DomainError(Reason.TOKEN_RESTRICTED, 'restricted token')
  }

  app.decorateRequest('caller')
  app.addHook('onRequest', async (request, reply) => {
    try {
      await identify(request)
    } finally {
      await options.limitRate(request, reply)
    }
  })
}

function tokenIn(cookies: Record<string, string>): string | undefined {
  const headerAndPayload = cookies[cookieNames.headerAndPayload]
  const signature = cookies[cookieNames.signature]
  if (headerAndPayload && signature) return `${headerAndPayload}.${signature}`
  return cookies[cookieNames.whole] || undefined
}

declare module 'fastify' {
  interface FastifyRequest {
    /** Who calls; set on every route that needs to know. */
    caller: UserPrincipal
  }
}
