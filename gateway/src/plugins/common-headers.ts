import { randomUUID } from 'node:crypto'
import type { IncomingMessage } from 'node:http'
import type { FastifyInstance, FastifyReply } from 'fastify'

const headers = {
  vary: 'Accept, Accept-Language, origin',
  'x-frame-options': 'DENY',
  'content-language': 'en',
} as const

/** The caller's `X-Request-ID` when it has a sane form, else a new one. */
export function requestIdFor(request: Pick<IncomingMessage, 'headers'>): string {
  const given = request.headers['x-request-id']
  return typeof given === 'string' && /^[A-Za-z0-9._-]{1,128}$/.test(given) ? given : randomUUID()
}

/** What every answer carries, whoever gives it. */
export function setCommonHeaders(reply: FastifyReply, requestId: string): void {
  reply.headers(headers).header('x-request-id', requestId)
}

/** Puts the common headers, and `Allow` where the route has one, on every answer. */
export function addCommonHeaders(app: FastifyInstance): void {
  app.addHook('onRequest', (request, reply, done) => {
    setCommonHeaders(reply, request.id)
    const { allow } = request.routeOptions.config
    if (allow !== undefined) reply.header('allow', allow)
    done()
  })
  // The contract names the type bare; Fastify adds a charset to it.
  app.addHook('onSend', (_request, reply, payload, done) => {
    if (reply.getHeader('content-type') === 'application/json; charset=utf-8') {
      reply.header('content-type', 'application/json')
    }
    done(null, payload)
  })
}

declare module 'fastify' {
  interface FastifyContextConfig {
    /** The value of the `Allow` header. */
    allow?: string
  }
}
