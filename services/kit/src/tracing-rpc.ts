import {
  Code,
  ConnectError,
  type Interceptor,
  type StreamRequest,
  type UnaryRequest,
} from '@connectrpc/connect'
import {
  type Context,
  context,
  propagation,
  ROOT_CONTEXT,
  type Span,
  SpanKind,
  type TextMapGetter,
  type TextMapSetter,
  trace,
} from '@opentelemetry/api'
import { isPlumbing } from './access.ts'
import { requestIdKey } from './call-context.ts'
import { reasonNameOf } from './rpc-errors.ts'
import { onStreamEnd } from './streams.ts'
import { beginSpan, isTracing, markFailed } from './tracing.ts'

type Call = UnaryRequest | StreamRequest

/** Makes a span of every RPC that is served, under the caller's span if the call names one. The outermost interceptor. */
export function traceServedCalls(): Interceptor[] {
  if (!isTracing()) return []
  const isFault = (code: Code) => faults.has(code)
  return [
    (next) => async (call) => {
      if (isPlumbing(call.method)) return next(call)
      const parent = propagation.extract(ROOT_CONTEXT, call.header, reader)
      return asSpan(next, call, { kind: SpanKind.SERVER, parent, isFault })
    },
  ]
}

/** Makes a span of every try at an RPC that belongs to a span, and names that to the service. */
export function traceSentCalls(): Interceptor[] {
  if (!isTracing()) return []
  const isFault = () => true
  return [
    (next) => async (call) => {
      const parent = context.active()
      if (trace.getSpan(parent) === undefined || isPlumbing(call.method)) return next(call)
      return asSpan(next, call, { kind: SpanKind.CLIENT, parent, isFault })
    },
  ]
}

// What a service is to blame for; the rest it has refused as it should.
const faults: ReadonlySet<Code> = new Set([
  Code.Unknown,
  Code.DeadlineExceeded,
  Code.Unimplemented,
  Code.Internal,
  Code.Unavailable,
  Code.DataLoss,
])

async function asSpan(
  next: Parameters<Interceptor>[0],
  call: Call,
  { kind, parent, isFault }: { kind: SpanKind; parent: Context; isFault: (code: Code) => boolean },
): ReturnType<typeof next> {
  const name = `${call.method.parent.typeName}/${call.method.name}`
  const attributes = { 'rpc.system.name': systemOf(call), 'rpc.method': name }
  const { span, within } = beginSpan({ name, kind, attributes }, parent)
  if (kind === SpanKind.CLIENT) propagation.inject(within, call.header, writer)
  const end = (error?: unknown) =>
    tellEnd(span, call, error === undefined ? undefined : ConnectError.from(error), isFault)
  // A caller that stops reading ends the stream without an error.
  const endStream = (error?: unknown) => {
    const isLeft = kind === SpanKind.SERVER && call.signal.aborted
    end(error ?? (isLeft ? new ConnectError('the caller went away', Code.Canceled) : undefined))
  }
  try {
    const response = await context.with(within, () => next(call))
    if (!response.stream) {
      end()
      return response
    }
    return { ...response, message: onStreamEnd(pulledWithin(within, response.message), { ended: endStream }) }
  } catch (error) {
    end(error)
    throw error
  }
}

function systemOf({ header }: Call): string {
  return header.get('content-type')?.startsWith('application/grpc') ? 'grpc' : 'connectrpc'
}

function tellEnd(
  span: Span,
  call: Call,
  failure: ConnectError | undefined,
  isFault: (code: Code) => boolean,
): void {
  const requestId = call.contextValues.get(requestIdKey)
  if (requestId !== '') span.setAttribute('registrar.request.id', requestId)
  const status = failure === undefined ? 'OK' : nameOf(failure.code)
  span.setAttribute('rpc.status_code', status)
  const reason = failure && reasonNameOf(failure)
  if (reason !== undefined) span.setAttribute('registrar.reason', reason)
  if (failure !== undefined && isFault(failure.code)) markFailed(span, status)
  span.end()
}

/** `PermissionDenied` → `PERMISSION_DENIED`. */
function nameOf(code: Code): string {
  return (Code[code] ?? 'Unknown').replaceAll(/(?<=[a-z])[A-Z]/g, '_$&').toUpperCase()
}

/** The same stream, whose values are made within a context: a generator runs in that of whoever asks for the next one. */
async function* pulledWithin<T>(within: Context, stream: AsyncIterable<T>): AsyncGenerator<T> {
  const iterator = stream[Symbol.asyncIterator]()
  let isDone = false
  try {
    for (;;) {
      const result = await context.with(within, () => iterator.next())
      if (result.done === true) {
        isDone = true
        return
      }
      yield result.value
    }
  } finally {
    if (!isDone) await context.with(within, async () => iterator.return?.())
  }
}

const reader: TextMapGetter<Headers> = {
  keys: (headers) => [...headers.keys()],
  get: (headers, name) => headers.get(name) ?? undefined,
}
const writer: TextMapSetter<Headers> = { set: (headers, name, value) => headers.set(name, value) }
