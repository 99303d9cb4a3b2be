import type { FastifyInstance } from 'fastify'

/**
 * Tells a request's work when the partner has hung up before the answer was out. Fastify's own `request.signal` aborts as soon as the
 * body of a request was read.
 */
export function addHangUp(app: FastifyInstance): void {
  app.decorateRequest('hangUp')
  app.addHook('onRequest', (request, reply, done) => {
    const hangUp = new AbortController()
    request.hangUp = hangUp.signal
    reply.raw.once('close', () => {
      if (!reply.raw.writableFinished) hangUp.abort()
    })
    done()
  })
}

declare module 'fastify' {
  interface FastifyRequest {
    /** Aborts when the partner hangs up before the answer is out. */
    hangUp: AbortSignal
  }
}
