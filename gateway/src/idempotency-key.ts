import type { FastifyReply, FastifyRequest } from 'fastify'
import {
  idempotencyKeyHeader,
  idempotencyKeyText,
  isIdempotencyKey,
  replayedHeader,
} from '#kit/idempotency.ts'
import { invalid } from './http-errors.ts'

/** HttpFault 400 when a request comes with an Idempotency-Key that is none. */
export function checkIdempotencyKey(request: FastifyRequest): void {
  const key = request.headers[idempotencyKeyHeader]
  if (key !== undefined && !isIdempotencyKey(String(key))) throw invalid(idempotencyKeyText)
}

/** The key of a request, for the service that does the work. */
export function idempotencyKeyOf(request: FastifyRequest): Record<string, string> {
  const key = request.headers[idempotencyKeyHeader]
  return key === undefined ? {} : { [idempotencyKeyHeader]: String(key) }
}

/** Tells the caller when a service says that it has answered before. */
export function passReplayed(headers: Headers, reply: FastifyReply): void {
  if (headers.get(replayedHeader) === 'true') reply.header(replayedHeader, 'true')
}
