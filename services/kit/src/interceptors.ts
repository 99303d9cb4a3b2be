import { randomUUID } from 'node:crypto'
import type { DescMethod } from '@bufbuild/protobuf'
import {
  Code,
  ConnectError,
  type Interceptor,
  type StreamRequest,
  type UnaryRequest,
} from '@connectrpc/connect'
import { admit, admittedTo, isPlumbing } from './access.ts'
import { principalKey, requestIdHeader, requestIdKey } from './call-context.ts'
import { DomainError } from './errors.ts'
import type { Logger } from './logger.ts'
import type { CallMeter } from './metrics-rpc.ts'
import type { Principal } from './principal.ts'
import { explainUnreadable } from './protocol-errors.ts'
import { reasonNameOf, toConnectError } from './rpc-errors.ts'
import { onStreamEnd } from './streams.ts'
import type { TokenVerifier } from './tokens.ts'
import { traceFields } from './tracing.ts'

/** Takes the caller's `x-request-id` when it has a sane form, or makes one. */
export function assignRequestId(): Interceptor {
  return (next) => (request) => {
    const given = request.header.get(requestIdHeader) ?? ''
    request.contextValues.set(requestIdKey, isRequestId(given) ? given : randomUUID())
    return next(request)
  }
}

/** Whether a request id that somebody sent may be used: it goes into every log line. */
export function isRequestId(given: string): boolean {
  return /^[A-Za-z0-9._-]{1,128}$/.test(given)
}

/** One log line for each RPC, written and measured when it ends. */
export function logCalls(logger: Logger, meter?: CallMeter): Interceptor {
  return (next) => async (request) => {
    const startedAt = performance.now()
    const log = (error?: unknown) => {
      const principal = request.contextValues.get(principalKey)
      const ms = performance.now() - startedAt
      meter?.(request.method, error, ms)
      writeCall(logger, request.method, error, {
        ms: Math.round(ms * 10) / 10,
        requestId: request.contextValues.get(requestIdKey),
        ...(error === undefined && programOf(request)),
        ...traceFields(),
        ...(principal && { callerKind: principal.kind, caller: nameOf(principal) }),
      })
    }
    try {
      const response = await next(request)
      if (!response.stream) {
        log()
        return response
      }
      // A caller that stops reading ends the stream without an error.
      const logEnd = (error?: unknown) => log(error ?? (request.signal.aborted ? callerGone() : undefined))
      return { ...response, message: onStreamEnd(response.message, { ended: logEnd }) }
    } catch (error) {
      log(error)
      throw error
    }
  }
}

function writeCall(
  logger: Logger,
  method: DescMethod,
  error: unknown,
  fields: Record<string, unknown>,
): void {
  const rpc = `${method.parent.typeName}/${method.name}`
  if (error === undefined) {
    logger[isPlumbing(method) ? 'debug' : 'info']({ rpc, code: 'OK', ...fields }, 'rpc')
    return
  }
  const { code, rawMessage, cause } = ConnectError.from(error)
  const line = { rpc, code: Code[code], reason: reasonNameOf(error), ...fields }
  // The domain error is told in the line; what made it is not.
  const err = cause instanceof DomainError ? cause.cause : cause
  if (code === Code.Internal || code === Code.Unknown || code === Code.DataLoss) {
    logger.error({ ...line, message: rawMessage, err: err ?? error }, 'rpc failed')
  } else if (code === Code.Unavailable || code === Code.DeadlineExceeded) {
    logger.warn({ ...line, message: rawMessage, err }, 'rpc failed')
  } else {
    // Without the text, which may quote what was asked.
    logger.info(line, 'rpc refused')
  }
}

/** Which program it was about. Not told of a call that failed, or that filters a list: it may have named anything. */
function programOf({ method, message }: UnaryRequest | StreamRequest): { program?: string } {
  if (method.name.startsWith('List')) return {}
  const { programKey, key } = message as { programKey?: string; key?: string }
  const program = method.name === 'GetProgram' ? key : programKey
  return program ? { program } : {}
}

function nameOf(principal: Principal): string {
  return principal.kind === 'user' ? principal.username : principal.service
}

/** Tells every error in the words of rpc-errors.ts. */
export function translateErrors(): Interceptor {
  return (next) => async (request) => {
    const translate = (error: unknown) =>
      isCallerGone(request.signal) && !(error instanceof DomainError)
        ? callerGone(error)
        : toConnectError(error)
    try {
      const response = await next(request.stream ? withReadableWords(request) : request)
      return response.stream
        ? { ...response, message: onStreamEnd(response.message, { translate }) }
        : response
    } catch (error) {
      throw translate(error)
    }
  }
}

// Messages of streams are read when the handler asks for them; those of other calls before any of this.
function withReadableWords(request: StreamRequest): StreamRequest {
  return { ...request, message: onStreamEnd(request.message, { translate: explainUnreadable }) }
}

// The signal of a call aborts for three reasons; a passed deadline and a stopping server have codes of their own.
function isCallerGone(signal: AbortSignal): boolean {
  if (!signal.aborted) return false
  const { code } = ConnectError.from(signal.reason, Code.Canceled)
  return code !== Code.DeadlineExceeded && code !== Code.Unavailable
}

function callerGone(cause?: unknown): ConnectError {
  return new ConnectError('the caller went away', Code.Canceled, undefined, undefined, cause)
}

/** Verifies the caller's token and lets in whom the method's `(registrar.auth.v1.access)` option admits. */
export function authenticate(verifier: TokenVerifier): Interceptor {
  return (next) => async (request) => {
    const admitted = admittedTo(request.method)
    if (!admitted.anonymous) {
      const principal = await verifier.verify(request.header.get('authorization'))
      request.contextValues.set(principalKey, principal)
      admit(principal, admitted)
    }
    return next(request)
  }
}
