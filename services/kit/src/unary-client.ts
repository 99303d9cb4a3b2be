import { type ClientHttp2Stream, constants, type IncomingHttpHeaders } from 'node:http2'
import { create, fromBinary, toBinary } from '@bufbuild/protobuf'
import {
  Code,
  ConnectError,
  createContextValues,
  type Interceptor,
  type Transport,
  type UnaryRequest,
  type UnaryResponse,
} from '@connectrpc/connect'
import { errorFromJsonBytes, validateResponse } from '@connectrpc/connect/protocol-connect'
import type { Http2SessionManager } from '@connectrpc/connect-node'

export type UnaryClientOptions = {
  baseUrl: string
  sessions: Http2SessionManager
  interceptors: readonly Interceptor[]
  /** The largest answer taken, in bytes. */
  readMaxBytes: number
}

/** Trailers of a unary call travel as headers, as the Connect protocol has it. */
export const trailerPrefix = 'trailer-'

type Next = ReturnType<Interceptor>
type Answer = { headers: IncomingHttpHeaders; body: Uint8Array }

/**
 * Makes unary calls in the binary form of the Connect protocol straight on HTTP/2 streams. The bytes are those of connect-node's
 * transport, for less than half of its work (docs/adr/0016). A connection that breaks is an `Unavailable`.
 */
export function createUnaryClient(options: UnaryClientOptions): Transport['unary'] {
  const root = options.baseUrl.replace(/\/$/, '')
  const send = async (request: UnaryRequest): Promise<UnaryResponse> => {
    const { method, message, header } = request
    const body = toBinary(method.input, message)
    header.set('content-length', String(body.byteLength))
    const answer = await exchange(request, body, options)
    return { stream: false, service: method.parent, method, ...readAnswer(request, answer) }
  }
  const call = options.interceptors.reduceRight<Next>((next, intercept) => intercept(next), send as Next)

  return async (method, signal, timeoutMs, given, message, contextValues) => {
    const header = new Headers(given)
    header.set('content-type', 'application/proto')
    header.set('connect-protocol-version', '1')
    if (timeoutMs !== undefined) header.set('connect-timeout-ms', String(Math.ceil(timeoutMs)))
    const end = followEnd(signal, timeoutMs)
    const request = {
      stream: false,
      service: method.parent,
      method,
      requestMethod: 'POST',
      url: `${root}/${method.parent.typeName}/${method.name}`,
      signal: end.signal,
      header,
      contextValues: contextValues ?? createContextValues(),
      message: create(method.input, message),
    } as UnaryRequest
    try {
      return (await call(request)) as UnaryResponse<typeof method.input, typeof method.output>
    } finally {
      end.forget()
    }
  }
}

/** A signal that aborts when the caller's does and when the time is over, with a ConnectError. */
function followEnd(caller: AbortSignal | undefined, timeoutMs: number | undefined) {
  const controller = new AbortController()
  const cancel = () => controller.abort(ConnectError.from(caller?.reason))
  if (caller?.aborted) cancel()
  caller?.addEventListener('abort', cancel, { once: true })
  const expire = () => controller.abort(new ConnectError('the operation timed out', Code.DeadlineExceeded))
  const timer = timeoutMs === undefined ? undefined : setTimeout(expire, timeoutMs)
  return {
    signal: controller.signal,
    forget() {
      clearTimeout(timer)
      caller?.removeEventListener('abort', cancel)
    },
  }
}

function exchange(
  { url, header, signal }: UnaryRequest,
  body: Uint8Array,
  { sessions, readMaxBytes }: UnaryClientOptions,
): Promise<Answer> {
  return new Promise((resolve, reject) => {
    let opened: ClientHttp2Stream | undefined
    const giveUp = () => fail(signal.reason)
    const settle = () => signal.removeEventListener('abort', giveUp)
    const fail = (error: unknown) => {
      settle()
      reject(error)
      opened?.close(constants.NGHTTP2_CANCEL)
    }
    if (signal.aborted) return giveUp()
    signal.addEventListener('abort', giveUp, { once: true })
    sessions.request('POST', new URL(url).pathname, Object.fromEntries(header), {}).then((stream) => {
      opened = stream
      if (signal.aborted) return stream.close(constants.NGHTTP2_CANCEL)
      receive(stream, readMaxBytes).then((answer) => {
        sessions.notifyResponseByteRead(stream)
        settle()
        resolve(answer)
      }, fail)
      stream.end(body)
    }, fail)
  })
}

function receive(stream: ClientHttp2Stream, readMaxBytes: number): Promise<Answer> {
  return new Promise((resolve, reject) => {
    let headers: IncomingHttpHeaders = {}
    const chunks: Uint8Array[] = []
    let size = 0
    let isWhole = false
    let cause: Error | undefined
    stream.on('response', (received) => {
      headers = received
    })
    stream.on('data', (chunk: Uint8Array) => {
      chunks.push(chunk)
      size += chunk.byteLength
      if (size > readMaxBytes) {
        reject(new ConnectError(`the answer is larger than ${readMaxBytes} bytes`, Code.ResourceExhausted))
      }
    })
    stream.on('end', () => {
      // A stream that was broken off ends too, with or without a word.
      const isBrokenOff = stream.rstCode !== constants.NGHTTP2_NO_ERROR || stream.aborted
      if (isBrokenOff || headers[':status'] === undefined) return
      isWhole = true
      resolve({ headers, body: chunks.length === 1 ? (chunks[0] as Uint8Array) : Buffer.concat(chunks) })
    })
    stream.on('error', (error) => {
      cause = error
    })
    stream.on('close', () => {
      if (!isWhole) reject(brokenOff(stream, cause))
    })
  })
}

function brokenOff(stream: ClientHttp2Stream, cause: Error | undefined): ConnectError {
  const message =
    cause === undefined
      ? `http/2 stream closed with code ${stream.rstCode}`
      : ConnectError.from(cause).rawMessage
  return new ConnectError(message, Code.Unavailable, undefined, undefined, cause)
}

function readAnswer({ method }: UnaryRequest, { headers, body }: Answer) {
  const [header, trailer] = [new Headers(), new Headers()]
  for (const [name, value] of Object.entries(headers)) {
    if (name.startsWith(trailerPrefix)) trailer.set(name.slice(trailerPrefix.length), String(value))
    else if (!name.startsWith(':')) header.set(name, String(value))
  }
  const { unaryError } = validateResponse('unary', true, Number(headers[':status']), header)
  if (unaryError !== undefined) throw errorFromJsonBytes(body, header, unaryError)
  return { header, trailer, message: fromBinary(method.output, body) }
}
