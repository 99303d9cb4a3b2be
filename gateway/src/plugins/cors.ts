import fastifyCors from '@fastify/cors'
import type { FastifyInstance, FastifyRequest } from 'fastify'

const exposedHeaders = [
  'ETag',
  'Idempotency-Replayed',
  'Location',
  'RateLimit',
  'RateLimit-Policy',
  'Retry-After',
  'X-Request-ID',
  'Content-Disposition',
]

// What browsers may send beside the headers that need no permission.
const allowedHeaders = [
  'accept',
  'authorization',
  'content-type',
  'idempotency-key',
  'if-none-match',
  'use-jwt-cookie',
  'x-csrftoken',
  'x-request-id',
  'x-requested-with',
]

/** Lets pages of the listed origins call the API with their user's cookies. A preflight is 200 for everybody, without a login. */
export function addCors(app: FastifyInstance, origins: readonly string[]): void {
  app.addHook('onRequest', (request, reply, done) => {
    if (!isPreflight(request) || origins.includes(request.headers.origin ?? '')) done()
    else reply.code(200).header('content-length', '0').send()
  })
  if (origins.length === 0) return
  app.register(fastifyCors, {
    delegator: (request, done) => {
      const { origin } = request.headers
      if (origin === undefined || !origins.includes(origin)) done(null, { origin: false })
      else {
        done(null, {
          origin: [origin],
          credentials: true,
          methods: ['DELETE', 'GET', 'OPTIONS', 'PATCH', 'POST', 'PUT'],
          allowedHeaders,
          exposedHeaders,
          maxAge: 86_400,
          optionsSuccessStatus: 200,
          preflight: isPreflight(request),
        })
      }
    },
  })
}

function isPreflight({ method, headers }: Pick<FastifyRequest, 'method' | 'headers'>): boolean {
  return (
    method === 'OPTIONS' &&
    headers.origin !== undefined &&
    headers['access-control-request-method'] !== undefined
  )
}
