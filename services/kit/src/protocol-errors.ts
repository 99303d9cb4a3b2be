import { Code, ConnectError, type ConnectRouter } from '@connectrpc/connect'
import {
  encodeEnvelope,
  readAllBytes,
  type UniversalHandler,
  type UniversalServerRequest,
  type UniversalServerResponse,
} from '@connectrpc/connect/protocol'
import {
  codeToHttpStatus,
  endStreamFlag,
  endStreamFromJson,
  endStreamToJson,
  errorFromJsonBytes,
  errorToJsonBytes,
} from '@connectrpc/connect/protocol-connect'
import { findTrailerError, setTrailerStatus } from '@connectrpc/connect/protocol-grpc'
import { trailerFlag, trailerParse, trailerSerialize } from '@connectrpc/connect/protocol-grpc-web'
import { DomainError, Reason } from './errors.ts'
import { toConnectError } from './rpc-errors.ts'
import { onStreamEnd } from './streams.ts'

const largestErrorBytes = 64 * 1024

/**
 * Gives the refusals that Connect makes by itself, before any interceptor, the form of ours: of a message that cannot be read or is
 * too large. Connect tells some of them as faults of the server, which they are not.
 */
export function explainProtocolErrors({ handlers }: ConnectRouter): void {
  for (const [index, handler] of handlers.entries()) {
    const explained: UniversalHandler = Object.assign(
      async (request: UniversalServerRequest) => explain(await handler(request)),
      handler,
    )
    handlers[index] = explained
  }
}

async function explain(response: UniversalServerResponse): Promise<UniversalServerResponse> {
  const type = response.header?.get('content-type') ?? ''
  if (type.startsWith('application/grpc-web'))
    return explainEnvelopes(response, trailerFlag, explainWebTrailer)
  if (type.startsWith('application/grpc')) return explainTrailer(response)
  if (type.startsWith('application/connect+'))
    return explainEnvelopes(response, endStreamFlag, explainEndOfStream)
  return type === 'application/json' && response.status >= 400 ? explainBody(response) : response
}

function explainTrailer(response: UniversalServerResponse): UniversalServerResponse {
  const { body, trailer } = response
  if (body === undefined || trailer === undefined) return response
  return { ...response, body: onStreamEnd(body, { ended: () => void explainStatus(trailer) }) }
}

/** Whether there was something to explain. */
function explainStatus(trailer: Headers): boolean {
  const error = findTrailerError(trailer)
  const told = error && inOurWords(error)
  if (told !== undefined) setTrailerStatus(trailer, told)
  return told !== undefined
}

type Explain = (data: Uint8Array) => Uint8Array | undefined

// What ends a stream is in an envelope of its own, with this flag alone unless it is compressed.
function explainEnvelopes(response: UniversalServerResponse, flag: number, explainEnd: Explain) {
  const { body } = response
  if (body === undefined) return response
  async function* envelopes(all: AsyncIterable<Uint8Array>) {
    for await (const envelope of all) {
      const told = envelope[0] === flag ? explainEnd(envelope.subarray(5)) : undefined
      yield told === undefined ? envelope : encodeEnvelope(flag, told)
    }
  }
  return { ...response, body: envelopes(body) }
}

function explainWebTrailer(data: Uint8Array): Uint8Array | undefined {
  const trailer = trailerParse(data)
  return explainStatus(trailer) ? trailerSerialize(trailer) : undefined
}

function explainEndOfStream(data: Uint8Array): Uint8Array | undefined {
  const { error, metadata } = endStreamFromJson(data)
  const told = error && inOurWords(error)
  return told && new TextEncoder().encode(JSON.stringify(endStreamToJson(metadata, told, undefined)))
}

async function explainBody(response: UniversalServerResponse): Promise<UniversalServerResponse> {
  const { body, header } = response
  if (body === undefined || header?.has('content-encoding')) return response
  const bytes = await readAllBytes(body, largestErrorBytes)
  const told = inOurWords(errorFromJsonBytes(bytes, undefined, new ConnectError('', Code.Unknown)))
  const explained = told === undefined ? bytes : errorToJsonBytes(told, undefined)
  header?.set('content-length', String(explained.byteLength))
  return {
    ...response,
    ...(told && { status: codeToHttpStatus(told.code) }),
    body: (async function* () {
      yield explained
    })(),
  }
}

/** The same for a message of a stream, which is read behind the interceptors. */
export function explainUnreadable(error: unknown): unknown {
  return (error instanceof ConnectError && inOurWords(error)) || error
}

/** Undefined for an error that needs no other words: one with details is ours, and what is not implemented has a code of its own. */
function inOurWords({ code, rawMessage, details }: ConnectError): ConnectError | undefined {
  if (details.length > 0) return undefined
  switch (code) {
    case Code.ResourceExhausted:
      return toConnectError(new DomainError(Reason.TOO_LARGE, rawMessage))
    case Code.InvalidArgument:
      return toConnectError(new DomainError(Reason.INVALID_ARGUMENT, rawMessage))
    case Code.Internal:
      return /^parse /.test(rawMessage)
        ? toConnectError(new DomainError(Reason.INVALID_ARGUMENT, `cannot ${rawMessage}`))
        : undefined
    default:
      return undefined
  }
}
