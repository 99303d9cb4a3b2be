import fastifyRateLimit, { normalizeIP } from '@fastify/rate-limit'
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import { HttpFault } from '../http-errors.ts'

/** Counts a request once it is known who sends it. HttpFault 429 when its sender has sent too many. */
export type LimitRate = (request: FastifyRequest, reply: FastifyReply) => Promise<void>

const windowSeconds = 60
const sendersRemembered = 20_000

/**
 * Lets each caller send so many requests a minute; 0 means any number. Who is not authenticated is counted by address.
 *
 * Each process counts by itself: behind several gateways a caller may send as many times that number.
 */
export async function createRateLimit(app: FastifyInstance, perMinute: number): Promise<LimitRate> {
  if (perMinute === 0) return async () => {}
  await app.register(fastifyRateLimit, {
    global: false,
    max: perMinute,
    timeWindow: windowSeconds * 1_000,
    cache: sendersRemembered,
    keyGenerator: senderOf,
  })
  const count = app.createRateLimit()
  return async (request, reply) => {
    const counted = await count(request)
    if (counted.isAllowed) return
    // As in draft-ietf-httpapi-ratelimit-headers-10.
    reply.header('ratelimit-policy', `"default";q=${perMinute};w=${windowSeconds}`)
    reply.header('ratelimit', `"default";r=${counted.remaining};t=${counted.ttlInSeconds}`)
    if (counted.isExceeded) throw throttled(counted.ttlInSeconds)
  }
}

function senderOf(request: FastifyRequest): string {
  return request.caller === undefined
    ? `address ${normalizeIP(request.ip)}`
    : `user ${request.caller.username}`
}

function throttled(seconds: number): HttpFault {
  const when = `${seconds} second${seconds === 1 ? '' : 's'}`
  return new HttpFault(
    429,
    { detail: `Request was throttled. Expected available in ${when}.` },
    { headers: { 'retry-after': String(seconds) } },
  )
}
