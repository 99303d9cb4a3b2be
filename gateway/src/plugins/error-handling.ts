import type { Socket } from 'node:net'
import type { ConnectionError, FastifyError, FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import { detail, type HttpFault, notFoundText, toHttpFault } from '../http-errors.ts'
import { requestIdFor, setCommonHeaders } from './common-headers.ts'

/** Makes every error, and every path that nobody serves, an answer in the contract's shape. */
export function addErrorHandling(app: FastifyInstance): void {
  app.setErrorHandler((error, request, reply) => {
    const fault = toHttpFault(fromFramework(error))
    // Nobody is there to get it; what was being done for a partner who hung up was cancelled.
    if (fault.status >= 500 && !request.hangUp.aborted) {
      const level = fault.status === 500 ? 'error' : 'warn'
      request.log[level]({ err: fault.cause ?? error }, 'request failed')
    }
    return sendFault(reply, fault)
  })
  app.setNotFoundHandler((_request, reply) => sendFault(reply, detail(404, notFoundText)))
  app.addHook('onRequest', async (request) => {
    // No body of any type makes a path that nobody serves anything else.
    if (request.is404) delete request.raw.headers['content-type']
    const { httpVersion, headers } = request.raw
    if (httpVersion === '1.1' && headers.host === undefined) throw detail(400, 'Bad request.')
  })
}

/** Errors that Fastify meets before it has a route: a path that cannot be decoded, for one. */
export function answerFrameworkError(
  _error: FastifyError,
  request: FastifyRequest,
  reply: FastifyReply,
): void {
  setCommonHeaders(reply, request.id)
  request.log.info({ method: request.method, route: 'none', status: 404 }, 'request')
  sendFault(reply, detail(404, notFoundText))
}

/** Errors that Node meets before there is a request: broken HTTP, headers too large, a client that stopped sending. */
export function answerClientError(error: ConnectionError, socket: Socket): void {
  if (error.code === 'ECONNRESET' || !socket.writable) {
    socket.destroy()
    return
  }
  const [status, text] = clientFaults[error.code] ?? ['400 Bad Request', 'Bad request.']
  const body = JSON.stringify({ detail: text })
  socket.end(
    `HTTP/1.1 ${status}\r\nContent-Type: application/json\r\nContent-Length: ${Buffer.byteLength(body)}\r\n` +
      `X-Request-ID: ${requestIdFor({ headers: {} })}\r\nConnection: close\r\n\r\n${body}`,
  )
}

const clientFaults: Record<string, [status: string, text: string]> = {
  ERR_HTTP_REQUEST_TIMEOUT: ['408 Request Timeout', 'The request did not arrive in time.'],
  HPE_HEADER_OVERFLOW: ['431 Request Header Fields Too Large', 'Request header fields too large.'],
}

function sendFault(reply: FastifyReply, fault: HttpFault): FastifyReply {
  // As text: an object would be cut to the fields of the route's response schema. The serializer keeps the type bare.
  return reply
    .code(fault.status)
    .headers(fault.headers)
    .type('application/json')
    .serializer((text: string) => text)
    .send(JSON.stringify(fault.body))
}

function fromFramework(error: unknown): unknown {
  const { code, statusCode } = error as Partial<FastifyError>
  if (typeof code !== 'string' || !code.startsWith('FST_') || statusCode === undefined) return error
  if (statusCode >= 500) return error
  return detail(statusCode, statusCode === 404 ? notFoundText : (error as Error).message)
}
