import { context, propagation, ROOT_CONTEXT, type Span, SpanKind } from '@opentelemetry/api'
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import { beginSpan, isTracing, markFailed } from '#kit/tracing.ts'
import { routeOf } from './access-log.ts'

// Asked every few seconds by whoever watches over processes.
const untraced = new Set(['/health', '/livez', '/readyz'])
const methods = new Set(['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS', 'TRACE', 'CONNECT'])

/** Makes a span of every request, under the caller's span if `traceparent` names one. Of the path it tells the route only. */
export function addTracing(app: FastifyInstance): void {
  app.decorateRequest('span')
  if (!isTracing()) return
  app.addHook('onRequest', (request, reply, done) => {
    if (untraced.has(request.routeOptions.url ?? '')) return done()
    const parent = propagation.extract(ROOT_CONTEXT, request.headers)
    const { span, within } = beginSpan(startOf(request), parent)
    request.span = span
    reply.raw.once('close', () => endSpan(span, reply))
    context.with(within, done)
  })
}

function startOf(request: FastifyRequest) {
  const method = methods.has(request.method) ? request.method : '_OTHER'
  const route = routeOf(request)
  return {
    name: route === undefined ? method : `${method} ${route}`,
    kind: SpanKind.SERVER,
    attributes: {
      'http.request.method': method,
      'url.scheme': request.protocol,
      'network.protocol.version': request.raw.httpVersion,
      'registrar.request.id': request.id,
      ...(route !== undefined && { 'http.route': route }),
    },
  }
}

function endSpan(span: Span, { raw, statusCode }: FastifyReply): void {
  if (raw.headersSent) span.setAttribute('http.response.status_code', statusCode)
  if (!raw.writableFinished) markFailed(span, 'client_gone')
  else if (statusCode >= 500) markFailed(span, String(statusCode))
  span.end()
}

declare module 'fastify' {
  interface FastifyRequest {
    /** The request's span, where it is traced. */
    span: Span | undefined
  }
}
