import { context, propagation, SpanKind } from '@opentelemetry/api'
import { inSpan, isTracing, markFailed } from './tracing.ts'
import { UpstreamFailure, type UpstreamName } from './upstream-failure.ts'
import type { HttpSender } from './upstream-http.ts'

/** Makes a span of every request to an upstream that belongs to a span, and names that to the upstream. */
export function traceSender(upstream: UpstreamName, http: HttpSender): HttpSender {
  if (!isTracing()) return http
  return {
    ...http,
    send(request, signal) {
      const { method, origin } = request
      const template = templateOf(request.path)
      const { hostname, port, protocol } = new URL(origin)
      const attributes = {
        'http.request.method': method,
        'url.template': template,
        'server.address': hostname,
        'server.port': Number(port) || (protocol === 'https:' ? 443 : 80),
        'registrar.upstream': upstream,
      }
      const start = { name: `${method} ${template}`, kind: SpanKind.CLIENT, attributes }
      return inSpan(
        start,
        async (span) => {
          const headers = { ...request.headers }
          propagation.inject(context.active(), headers)
          const answer = await http.send({ ...request, headers }, signal)
          span.setAttribute('http.response.status_code', answer.status)
          if (answer.status >= 400) markFailed(span, String(answer.status))
          return answer
        },
        faultOf,
      )
    },
  }
}

/** A path without its query, and with `{id}` in place of whatever is no word of an API. */
export function templateOf(path: string): string {
  const [plain = ''] = path.split('?', 1)
  return plain
    .split('/')
    .map((part) => (/^[a-z_]*\d?$/.test(part) ? part : '{id}'))
    .join('/')
}

function faultOf(error: unknown): string {
  if (error instanceof UpstreamFailure) return error.fault
  return error instanceof Error && error.name === 'AbortError' ? 'aborted' : '_OTHER'
}
