import type { IncomingHttpHeaders, ServerHttp2Stream } from 'node:http2'
import { create, type DescMethodUnary, fromBinary, toBinary } from '@bufbuild/protobuf'
import {
  Code,
  ConnectError,
  type ConnectRouter,
  createContextValues,
  type HandlerContext,
  type Interceptor,
  type UnaryRequest,
  type UnaryResponse,
} from '@connectrpc/connect'
import { codeToHttpStatus, errorToJsonBytes } from '@connectrpc/connect/protocol-connect'
import { timeoutOf } from './deadlines.ts'
import { DomainError, Reason } from './errors.ts'
import { toConnectError } from './rpc-errors.ts'
import { trailerPrefix } from './unary-client.ts'

/** Answers the calls that our own processes make, beside Connect's handlers, which answer all others. */
export type UnaryServer = {
  /** The same router. Its unary methods are answered here too. */
  withRoutesOf(router: ConnectRouter): ConnectRouter
  /** Answers a request of the form that `createUnaryClient` sends. False, with nothing done, for any other. */
  takes(stream: ServerHttp2Stream | undefined, headers: IncomingHttpHeaders): boolean
}

export type UnaryServerOptions = {
  interceptors: readonly Interceptor[]
  /** The largest message taken, in bytes. */
  readMaxBytes: number
  /** Ends every call with its reason. */
  shutdownSignal: AbortSignal
}

type Next = ReturnType<Interceptor>
type Call = { method: DescMethodUnary; run: Next }
type Implementation = (message: never, context: HandlerContext) => unknown

/**
 * Unary calls in the binary form of the Connect protocol, without compression: straight from the HTTP/2 stream to the interceptors
 * and the handler, for half of the work that Connect's handler and Fastify make of the same call (docs/adr/0016).
 */
export function createUnaryServer(options: UnaryServerOptions): UnaryServer {
  const { interceptors, readMaxBytes, shutdownSignal } = options
  const calls = new Map<string, Call>()
  const atWork = new Set<AbortController>()
  shutdownSignal.addEventListener('abort', () => {
    for (const work of atWork) work.abort(shutdownSignal.reason)
  })

  async function serve(
    { method, run }: Call,
    stream: ServerHttp2Stream,
    headers: IncomingHttpHeaders,
  ): Promise<void> {
    const work = new AbortController()
    atWork.add(work)
    stream.on('error', () => {})
    stream.once('close', () => {
      if (atWork.has(work)) work.abort(callerGone())
    })
    try {
      const request = {
        stream: false,
        service: method.parent,
        method,
        requestMethod: 'POST',
        url: `${headers[':scheme']}://${headers[':authority']}${headers[':path']}`,
        signal: work.signal,
        header: headerOf(headers),
        contextValues: createContextValues(),
        message: readMessage(method, await readBody(stream)),
      } as UnaryRequest
      const { header, trailer, message } = (await run(request)) as UnaryResponse
      const body = toBinary(method.output, message)
      for (const [name, value] of trailer) header.set(`${trailerPrefix}${name}`, value)
      respond(stream, { status: 200, type: 'application/proto', header, body })
    } catch (cause) {
      const error = cause instanceof ConnectError ? cause : toConnectError(cause)
      const body = errorToJsonBytes(error, undefined)
      const status = codeToHttpStatus(error.code)
      respond(stream, { status, type: 'application/json', header: error.metadata, body })
    } finally {
      atWork.delete(work)
    }
  }

  const server: UnaryServer = {
    withRoutesOf(router) {
      const both: ConnectRouter = {
        ...router,
        service(service, implementation, ...more) {
          router.service(service, implementation, ...more)
          for (const method of service.methods) {
            const answer = implementation[method.localName as keyof typeof implementation] as
              | Implementation
              | undefined
            if (method.methodKind !== 'unary' || answer === undefined) continue
            const run = interceptors.reduceRight<Next>(
              (next, intercept) => intercept(next),
              answerWith(answer),
            )
            calls.set(`/${service.typeName}/${method.name}`, { method: method as DescMethodUnary, run })
          }
          return both
        },
      }
      return both
    },

    takes(stream, headers) {
      const call = calls.get(headers[':path'] ?? '')
      if (stream === undefined || call === undefined || !isOfOurClient(headers, readMaxBytes)) return false
      void serve(call, stream, headers)
      return true
    },
  }
  return server
}

function isOfOurClient(headers: IncomingHttpHeaders, readMaxBytes: number): boolean {
  return (
    headers[':method'] === 'POST' &&
    headers['content-type'] === 'application/proto' &&
    headers['content-encoding'] === undefined &&
    headers['accept-encoding'] === undefined &&
    // HTTP/2 itself refuses a body that is longer than it says.
    Number(headers['content-length']) <= readMaxBytes &&
    /^\d{1,10}$/.test(String(headers['connect-timeout-ms']))
  )
}

function answerWith(answer: Implementation): Next {
  return async (given) => {
    const request = given as UnaryRequest
    const { service, method } = request
    const [header, trailer] = [new Headers(), new Headers()]
    const timeoutMs = timeoutOf(request.header)
    const deadline = timeoutMs && Date.now() + timeoutMs
    const message = await answer(request.message as never, {
      service,
      method,
      protocolName: 'connect',
      requestMethod: request.requestMethod,
      url: request.url,
      signal: request.signal,
      timeoutMs: () => deadline && deadline - Date.now(),
      requestHeader: request.header,
      responseHeader: header,
      responseTrailer: trailer,
      values: request.contextValues,
    })
    return {
      stream: false,
      service,
      method,
      header,
      trailer,
      message: create(method.output, message as Record<string, unknown>),
    }
  }
}

function headerOf(headers: IncomingHttpHeaders): Headers {
  const header = new Headers()
  for (const [name, value] of Object.entries(headers)) {
    if (!name.startsWith(':')) header.set(name, String(value))
  }
  return header
}

function readBody(stream: ServerHttp2Stream): Promise<Uint8Array> {
  return new Promise((resolve, reject) => {
    const chunks: Uint8Array[] = []
    let isWhole = false
    stream.on('data', (chunk: Uint8Array) => chunks.push(chunk))
    stream.on('end', () => {
      // A stream that was broken off ends too.
      if (stream.aborted) return
      isWhole = true
      resolve(chunks.length === 1 ? (chunks[0] as Uint8Array) : Buffer.concat(chunks))
    })
    stream.on('close', () => {
      if (!isWhole) reject(callerGone())
    })
  })
}

function readMessage(method: DescMethodUnary, body: Uint8Array) {
  try {
    return fromBinary(method.input, body)
  } catch (cause) {
    throw new DomainError(Reason.INVALID_ARGUMENT, 'the message cannot be read', { cause })
  }
}

function callerGone(): ConnectError {
  return new ConnectError('the caller went away', Code.Canceled)
}

type Response = { status: number; type: string; header: Headers; body: Uint8Array }

function respond(stream: ServerHttp2Stream, { status, type, header, body }: Response): void {
  if (stream.closed || stream.destroyed) return
  stream.respond({
    ...Object.fromEntries(header),
    ':status': status,
    'content-type': type,
    'content-length': body.byteLength,
  })
  stream.end(body)
}
