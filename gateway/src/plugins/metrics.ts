import { METHODS, type ServerResponse } from 'node:http'
import type { FastifyInstance } from 'fastify'
import { Gauge, Histogram } from 'prom-client'
import type { Metrics } from '#kit/metrics.ts'
import { routeOf } from './access-log.ts'

// What nginx calls a client that went away before the answer.
const clientGone = '499'
const buckets = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30]
const commonMethods = new Set(['GET', 'HEAD', 'OPTIONS', 'POST', 'PUT', 'PATCH', 'DELETE'])
// One label for all the methods that are answered with 405 everywhere.
const labelOf = new Map(METHODS.map((method) => [method, commonMethods.has(method) ? method : 'other']))

/** `http_server_…`: every request, also those whose path has no route or cannot be read. */
export function addMetrics(app: FastifyInstance, { registry }: Metrics): void {
  const registers = [registry]
  const durations = new Histogram({
    name: 'http_server_request_duration_seconds',
    help: 'How long requests took, to the last byte of the answer; status 499: the client went away before.',
    labelNames: ['method', 'route', 'status'],
    ...{ buckets, registers },
  })
  const inFlight = new Gauge({
    name: 'http_server_requests_in_flight',
    help: 'Requests that are being answered.',
    registers,
  })
  const routes = new WeakMap<ServerResponse, string>()
  app.addHook('onRequest', (request, reply, done) => {
    routes.set(reply.raw, routeOf(request) ?? 'none')
    done()
  })
  app.server.prependListener('request', (request, response) => {
    const startedAt = performance.now()
    const method = labelOf.get(request.method as string) as string
    inFlight.inc()
    response.once('close', () => {
      inFlight.dec()
      const route = routes.get(response) ?? 'none'
      const status = response.writableFinished ? String(response.statusCode) : clientGone
      durations.observe({ method, route, status }, (performance.now() - startedAt) / 1_000)
    })
  })
}
