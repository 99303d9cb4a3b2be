import { hash } from 'node:crypto'
import type { FastifyReply, FastifyRequest } from 'fastify'

/** A route's onSend hook: gives a 200 a strong `ETag`, and answers 304 to who has it already. */
export function sendEtag(
  request: FastifyRequest,
  reply: FastifyReply,
  payload: unknown,
  done: (error: null, payload?: unknown) => void,
): void {
  if (reply.statusCode !== 200 || typeof payload !== 'string') {
    done(null, payload)
    return
  }
  const etag = `"${hash('sha1', payload, 'base64url')}"`
  reply.header('etag', etag).header('cache-control', 'private, no-cache')
  if (!matches(request.headers['if-none-match'], etag)) {
    done(null, payload)
    return
  }
  reply.code(304).removeHeader('content-type').removeHeader('content-length')
  done(null, null)
}

function matches(header: string | undefined, etag: string): boolean {
  if (header === undefined) return false
  const known = header.split(',').map((tag) => tag.trim().replace(/^W\//, ''))
  return known.includes(etag) || known.includes('*')
}
