import { setTimeout as sleep } from 'node:timers/promises'
import type { DescMethodUnary, DescService } from '@bufbuild/protobuf'
import { MethodOptions_IdempotencyLevel } from '@bufbuild/protobuf/wkt'
import {
  type Client,
  Code,
  ConnectError,
  createClient,
  type Interceptor,
  type Transport,
} from '@connectrpc/connect'
import { createConnectTransport } from '@connectrpc/connect-node'
import { sessionManagerOf } from './http2-sessions.ts'
import { isConnectionLost, reasonOf } from './rpc-errors.ts'
import { onStreamEnd } from './streams.ts'

export { closeRpcConnections } from './http2-sessions.ts'

export type RpcClientOptions = {
  /**
   * Makes the token of a process that calls under its own name. Calls on behalf of a caller bring the caller's, by
   * `callOptionsOf`.
   */
  token?: () => Promise<string>
  /** How long a unary call may take, all tries together, when the call does not say, in milliseconds; 10 seconds by default. */
  timeoutMs?: number
}

const defaultTimeoutMs = 10_000
const defaultStreamTimeoutMs = 900_000
const maximumTries = 3
const firstPauseMs = 50

/**
 * A client of one of our services: the Connect protocol on HTTP/2, one connection for each process and URL.
 *
 * Calls of methods marked `NO_SIDE_EFFECTS` are tried up to three times when the connection breaks or the service is away.
 * A broken connection is always an `Unavailable`.
 */
export function createRpcClient<S extends DescService>(
  service: S,
  baseUrl: string,
  options: RpcClientOptions = {},
): Client<S> {
  const transport = createConnectTransport({
    baseUrl,
    httpVersion: '2',
    sessionManager: sessionManagerOf(baseUrl),
    // Between processes of one site compressing costs more than it saves.
    acceptCompression: [],
    readMaxBytes: 64 * 1024 * 1024,
    interceptors: options.token === undefined ? [] : [addToken(options.token)],
  })
  return createClient(service, withTries(transport, options.timeoutMs ?? defaultTimeoutMs))
}

function addToken(token: () => Promise<string>): Interceptor {
  return (next) => async (request) => {
    if (!request.header.has('authorization')) request.header.set('authorization', `Bearer ${await token()}`)
    return next(request)
  }
}

function withTries(transport: Transport, unaryTimeoutMs: number): Transport {
  return {
    async unary(method, signal, timeoutMs = unaryTimeoutMs, ...rest) {
      const deadline = Date.now() + timeoutMs
      for (let tries = 1; ; tries++) {
        try {
          return await transport.unary(method, signal, Math.max(1, deadline - Date.now()), ...rest)
        } catch (error) {
          const failure = plain(error, signal)
          const pauseMs = firstPauseMs * 2 ** (tries - 1) * (0.5 + Math.random())
          if (tries === maximumTries || !mayTryAgain(method, failure) || Date.now() + pauseMs >= deadline) {
            throw failure
          }
          await sleep(pauseMs, undefined, signal && { signal }).catch(() => {})
        }
      }
    },
    async stream(method, signal, timeoutMs = defaultStreamTimeoutMs, ...rest) {
      const translate = (error: unknown) => plain(error, signal)
      try {
        const response = await transport.stream(method, signal, timeoutMs, ...rest)
        return { ...response, message: onStreamEnd(response.message, { translate }) }
      } catch (error) {
        throw translate(error)
      }
    },
  }
}

function mayTryAgain(method: DescMethodUnary, failure: ConnectError): boolean {
  return (
    method.idempotency === MethodOptions_IdempotencyLevel.NO_SIDE_EFFECTS && failure.code === Code.Unavailable
  )
}

// A connection that breaks shows in many codes, "canceled" among them although nobody canceled. Ours is one.
function plain(error: unknown, signal: AbortSignal | undefined): ConnectError {
  const failure = ConnectError.from(error)
  if (signal?.aborted || failure.code === Code.Unavailable) return failure
  const isCanceledByNobody = failure.code === Code.Canceled && reasonOf(failure) === undefined
  if (!isCanceledByNobody && !isConnectionLost(failure)) return failure
  return new ConnectError(failure.rawMessage, Code.Unavailable, failure.metadata, undefined, failure)
}
