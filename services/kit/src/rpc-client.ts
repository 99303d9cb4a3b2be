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
import { NotConnectedError, sessionManagerOf } from './http2-sessions.ts'
import type { Metrics } from './metrics.ts'
import { clientMeterOf } from './metrics-rpc.ts'
import { isConnectionLost, reasonOf } from './rpc-errors.ts'
import { onStreamEnd } from './streams.ts'
import type { TlsFiles } from './tls-files.ts'
import { traceSentCalls } from './tracing-rpc.ts'
import { createUnaryClient } from './unary-client.ts'

export { closeRpcConnections, isTlsFailure } from './http2-sessions.ts'

export type RpcClientOptions = {
  /**
   * Makes the token of a process that calls under its own name. Calls on behalf of a caller bring the caller's, by
   * `callOptionsOf`.
   */
  token?: () => Promise<string>
  /** How long a unary call may take, all tries together, when the call does not say, in milliseconds; 10 seconds by default. */
  timeoutMs?: number
  /** For `https` URLs: whom to trust, and our own certificate. Without it the authorities of the system are trusted. */
  tls?: TlsFiles
  /** For how long to try again while the service cannot be reached, in milliseconds; 8 seconds by default. */
  patienceMs?: number
  /** Measures the calls; nothing is measured when absent. */
  metrics?: Metrics
  /** Told of each failure after which a call is tried again. */
  onRetry?: (failure: ConnectError) => void
}

const readMaxBytes = 64 * 1024 * 1024
const defaultTimeoutMs = 10_000
const defaultStreamTimeoutMs = 900_000
const defaultPatienceMs = 8_000
const maximumTries = 3
const firstPauseMs = 50
const longestPauseMs = 500

/**
 * A client of one of our services: the Connect protocol on HTTP/2, one connection for each process and URL.
 *
 * A broken connection is always an `Unavailable`. A unary call is made again, within its deadline:
 * - for some seconds while no connection can be made or the server refuses the stream: it has not been looked at yet;
 * - for some seconds when the connection breaks, and up to three times in all when the service says that it or a part behind
 *   it is away: only methods marked `NO_SIDE_EFFECTS`.
 */
export function createRpcClient<S extends DescService>(
  service: S,
  baseUrl: string,
  options: RpcClientOptions = {},
): Client<S> {
  const sessions = sessionManagerOf(baseUrl, options.tls)
  const interceptors = [
    ...(options.token === undefined ? [] : [addToken(options.token)]),
    ...traceSentCalls(),
  ]
  const { stream } = createConnectTransport({
    baseUrl,
    httpVersion: '2',
    sessionManager: sessions,
    // Between processes of one site compressing costs more than it saves.
    acceptCompression: [],
    readMaxBytes,
    interceptors,
  })
  const transport = { stream, unary: createUnaryClient({ baseUrl, sessions, interceptors, readMaxBytes }) }
  const meter = options.metrics && clientMeterOf(options.metrics)
  const trying = withTries(transport, options, meter?.triedAgain)
  return createClient(service, meter === undefined ? trying : meter.measure(trying))
}

function addToken(token: () => Promise<string>): Interceptor {
  return (next) => async (request) => {
    if (!request.header.has('authorization')) request.header.set('authorization', `Bearer ${await token()}`)
    return next(request)
  }
}

function withTries(
  transport: Transport,
  options: RpcClientOptions,
  triedAgain?: (method: DescMethodUnary) => void,
): Transport {
  const { timeoutMs: unaryTimeoutMs = defaultTimeoutMs, patienceMs = defaultPatienceMs, onRetry } = options
  return {
    async unary(method, signal, timeoutMs = unaryTimeoutMs, ...rest) {
      const deadline = Date.now() + timeoutMs
      let patientUntil: number | undefined
      for (let tries = 1; ; tries++) {
        try {
          return await transport.unary(method, signal, Math.max(1, deadline - Date.now()), ...rest)
        } catch (error) {
          const failure = plain(error, signal)
          const pauseMs = Math.min(firstPauseMs * 2 ** (tries - 1), longestPauseMs) * (0.5 + Math.random())
          const resumeAt = Date.now() + pauseMs
          patientUntil ??= Date.now() + patienceMs
          const isWorthIt = isUnreached(failure) ? resumeAt < patientUntil : tries < maximumTries
          if (!isWorthIt || !mayTryAgain(method, failure) || resumeAt >= deadline) throw failure
          onRetry?.(failure)
          triedAgain?.(method)
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
  if (failure.code !== Code.Unavailable) return false
  return method.idempotency === MethodOptions_IdempotencyLevel.NO_SIDE_EFFECTS || isUntouched(failure)
}

/** Whether nobody answered: what is away has no reason to give. */
function isUnreached(failure: ConnectError): boolean {
  return reasonOf(failure) === undefined
}

/** Whether the call cannot have had any effect: it was not sent, or the server did not take it. */
function isUntouched(failure: ConnectError): boolean {
  return failure.cause instanceof NotConnectedError || /REFUSED_STREAM/.test(failure.rawMessage)
}

// A connection that breaks shows in many codes, "canceled" among them although nobody canceled. Ours is one.
function plain(error: unknown, signal: AbortSignal | undefined): ConnectError {
  const failure = ConnectError.from(error)
  if (signal?.aborted || failure.code === Code.Unavailable) return failure
  const isCanceledByNobody = failure.code === Code.Canceled && reasonOf(failure) === undefined
  if (!isCanceledByNobody && !isConnectionLost(failure)) return failure
  return new ConnectError(failure.rawMessage, Code.Unavailable, failure.metadata, undefined, failure)
}
