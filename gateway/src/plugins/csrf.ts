import { randomBytes, timingSafeEqual } from 'node:crypto'
import type { FastifyRequest } from 'fastify'

export const csrfCookieName = 'registrar_csrftoken'

/** A CSRF token that nobody can guess: 64 characters. */
export function createCsrfToken(): string {
  return randomBytes(48).toString('base64url')
}

/** The CSRF token that the browser keeps, when it has the form of one of ours. */
export function csrfTokenOf(request: Pick<FastifyRequest, 'headers' | 'server'>): string | undefined {
  const token = request.server.parseCookie(request.headers.cookie ?? '')[csrfCookieName]
  return token !== undefined && /^[A-Za-z0-9_-]{64}$/.test(token) ? token : undefined
}

/**
 * Whether a page that may do so made this request: it comes from a trusted origin, and repeats in `X-CSRFToken` what only
 * that origin can read from the cookie. Where the API is on https, a request that hides its origin is not trusted.
 */
export function isCsrfSafe(
  request: Pick<FastifyRequest, 'headers' | 'server'>,
  trustedOrigins: readonly string[],
  isSecure: boolean,
): boolean {
  const { origin, referer } = request.headers
  const source =
    origin ?? (referer !== undefined && URL.canParse(referer) ? new URL(referer).origin : undefined)
  if (source === undefined ? isSecure || referer !== undefined : !trustedOrigins.includes(source))
    return false
  const expected = csrfTokenOf(request)
  const given = request.headers['x-csrftoken']
  if (expected === undefined || typeof given !== 'string' || given.length !== expected.length) return false
  return timingSafeEqual(Buffer.from(given), Buffer.from(expected))
}
