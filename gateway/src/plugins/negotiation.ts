import { STATUS_CODES } from 'node:http'
import type { FastifyInstance } from 'fastify'
import { detail, notFoundText } from '../http-errors.ts'

type Rendering = 'json' | 'html'

const mediaTypes: Record<Rendering, string> = { json: 'application/json', html: 'text/html' }

/**
 * Decides how an answer is shown, before anybody is asked who they are: as JSON, or to a browser as a page around the JSON.
 * 404 for a `format` that is not known, 406 when no form is acceptable.
 */
export function addNegotiation(app: FastifyInstance): void {
  app.decorateRequest('rendering', 'json')
  app.addHook('onRequest', (request, _reply, done) => {
    const { format } = request.query as { format?: string }
    const { accept } = request.headers
    if (format || (accept !== undefined && accept !== '*/*' && accept !== 'application/json')) {
      request.rendering = negotiate(format, accept)
    }
    done()
  })
  app.addHook('onSend', (request, reply, payload, done) => {
    const isPage = request.rendering === 'html' && typeof payload === 'string'
    if (!isPage || !String(reply.getHeader('content-type')).startsWith('application/json')) {
      done(null, payload)
      return
    }
    reply.type('text/html; charset=utf-8').removeHeader('content-length')
    done(
      null,
      renderPage(`${request.method} ${request.originalUrl.split('?')[0]}`, reply.statusCode, payload),
    )
  })
}

function negotiate(format: string | undefined, accept: string | undefined): Rendering {
  const offered: Rendering[] =
    format === 'json' ? ['json'] : format === 'api' ? ['html'] : format ? [] : ['json', 'html']
  if (offered.length === 0) throw detail(404, notFoundText)
  if (!accept?.trim()) return offered[0] as Rendering
  const ranges = accept.split(',').map((range) => range.split(';', 1)[0]?.trim().toLowerCase() ?? '')
  for (const precedence of [2, 1, 0]) {
    for (const rendering of offered) {
      const isWanted = (range: string) =>
        precedenceOf(range) === precedence && covers(range, mediaTypes[rendering])
      if (ranges.some(isWanted)) return rendering
    }
  }
  throw detail(406, 'Could not satisfy the request Accept header.')
}

// The more exact a range, the earlier it is looked at; `q` counts for nothing, as in the service that this one follows.
function precedenceOf(range: string): number {
  return range === '*/*' ? 0 : range.endsWith('/*') ? 1 : 2
}

function covers(range: string, mediaType: string): boolean {
  if (range === '*/*' || range === mediaType) return true
  return range.endsWith('/*') && mediaType.startsWith(range.slice(0, -1))
}

function renderPage(request: string, status: number, json: string): string {
  const title = `HTTP ${status} ${STATUS_CODES[status] ?? ''}`.trim()
  return (
    `<!doctype html><html lang="en"><head><meta charset="utf-8"><title>Registrar API</title></head>` +
    `<body><h1>${escapeHtml(request)}</h1><p>${title}</p><pre>${escapeHtml(indent(json))}</pre>` +
    `<p><a href="/api-docs/">Documentation</a></p></body></html>`
  )
}

function indent(json: string): string {
  return json === '' ? '' : JSON.stringify(JSON.parse(json), null, 4)
}

function escapeHtml(text: string): string {
  return text.replace(/[&<>"']/g, (char) => `&#${char.charCodeAt(0)};`)
}

declare module 'fastify' {
  interface FastifyRequest {
    rendering: 'json' | 'html'
  }
}
