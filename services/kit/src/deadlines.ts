import type { Interceptor } from '@connectrpc/connect'
import { deadlineKey } from './call-context.ts'
import { streamWithinCall, withinCall } from './call-signal.ts'
import { DomainError, Reason } from './errors.ts'
import { onStreamEnd, raceWithAbort, untilAborted } from './streams.ts'

/** How long a call may take when the caller does not say, in milliseconds. */
export type CallLimits = { unaryMs: number; streamMs: number }
export const defaultCallLimits: CallLimits = { unaryMs: 30_000, streamMs: 900_000 }

const longestTimerMs = 0x7fffffff
const grpcUnits: Readonly<Record<string, number>> = {
  H: 3_600_000,
  M: 60_000,
  S: 1_000,
  m: 1,
  u: 1e-3,
  n: 1e-6,
}

/**
 * Ends a call at the caller's deadline, or at ours when the caller gave none, with DEADLINE_EXCEEDED, also when the handler
 * does not listen to its signal. That, and a caller who goes away, ends the statements of the call (`signalOfCall`).
 */
export function enforceDeadline(limits: CallLimits = defaultCallLimits): Interceptor {
  return (next) => async (request) => {
    const timeoutMs = timeoutOf(request.header) ?? (request.stream ? limits.streamMs : limits.unaryMs)
    request.contextValues.set(deadlineKey, Date.now() + timeoutMs)
    const overdue = new AbortController()
    const timer = setTimeout(() => overdue.abort(deadlineExceeded()), Math.min(timeoutMs, longestTimerMs))
    timer.unref()
    const signal = AbortSignal.any([request.signal, overdue.signal])
    const call = followUntilEnd(signal)
    const ended = () => {
      clearTimeout(timer)
      call.end()
    }
    try {
      const response = await raceWithAbort(
        withinCall(call.signal, () => next({ ...request, signal })),
        signal,
      )
      if (response.stream) {
        const message = streamWithinCall(response.message, call.signal)
        return { ...response, message: onStreamEnd(untilAborted(message, signal), { ended }) }
      }
      ended()
      return response
    } catch (error) {
      ended()
      throw error
    }
  }
}

// Connect aborts the signal of every call when it is over. What a call has left running then is meant to go on.
function followUntilEnd(signal: AbortSignal): { signal: AbortSignal; end: () => void } {
  const call = new AbortController()
  const abort = () => call.abort(signal.reason)
  signal.addEventListener('abort', abort, { once: true })
  return { signal: call.signal, end: () => signal.removeEventListener('abort', abort) }
}

function deadlineExceeded(): DomainError {
  return new DomainError(Reason.DEADLINE_EXCEEDED, 'the call took longer than its deadline')
}

/** The caller's time limit in milliseconds, in the form of Connect or of gRPC; undefined when there is none. */
export function timeoutOf(header: Headers): number | undefined {
  const connect = header.get('connect-timeout-ms')
  if (connect !== null && /^\d{1,10}$/.test(connect)) return Number(connect)
  const [, amount, unit] = /^(\d{1,8})([HMSmun])$/.exec(header.get('grpc-timeout') ?? '') ?? []
  if (amount === undefined || unit === undefined) return undefined
  return Math.ceil(Number(amount) * (grpcUnits[unit] ?? 1))
}
