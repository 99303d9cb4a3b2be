import {
  type Attributes,
  type Context,
  context,
  INVALID_SPAN_CONTEXT,
  propagation,
  ROOT_CONTEXT,
  type Span,
  type SpanKind,
  SpanStatusCode,
  type Tracer,
  trace,
} from '@opentelemetry/api'
import type { Logger } from './logger.ts'
import type { TracingSdk } from './tracing-sdk.ts'
import { wantsTraces } from './tracing-settings.ts'

let tracer: Tracer | undefined
let sdk: TracingSdk | undefined

/**
 * Starts traces when the settings want them, before anything that is to be traced; the SDK is not even loaded when they do not.
 * Returns what sends the last of them and stops.
 */
export async function startTracing(
  name: string,
  { env, logger }: { env: NodeJS.ProcessEnv; logger: Logger },
): Promise<{ close(): Promise<void> }> {
  if (!wantsTraces(env)) return { close: async () => {} }
  const { startTracingSdk } = await import('./tracing-sdk.ts')
  const started = startTracingSdk(name, logger)
  sdk = started
  tracer = trace.getTracer('registrar')
  return started
}

/** Whether anything is traced. What traces is left out when not, so that it costs nothing. */
export function isTracing(): boolean {
  return tracer !== undefined
}

/** What others need who end spans by themselves; undefined when nothing is traced. */
export function tracingSdk(): Pick<TracingSdk, 'processor' | 'resource'> | undefined {
  return sdk
}

/**
 * A span. Names and attributes hold no text that came from outside: no name of a learner, no token, no value of a statement, no
 * message of an error.
 */
export type SpanStart = { name: string; kind: SpanKind; attributes: Attributes }

/** Begins a span under another one, and gives the context in which its work is to be done. */
export function beginSpan(start: SpanStart, parent: Context): { span: Span; within: Context } {
  if (tracer === undefined) throw new Error('nothing is traced')
  const { name, kind, attributes } = start
  const span = tracer.startSpan(name, { kind, attributes }, parent)
  return { span, within: trace.setSpan(parent, span) }
}

/** Does work as a span under the active one; without one nobody would know what the work was for, and it is not traced. */
export async function inSpan<T>(
  start: SpanStart,
  work: (span: Span) => Promise<T>,
  typeOf: (error: unknown) => string,
): Promise<T> {
  const active = context.active()
  if (trace.getSpan(active) === undefined) return work(trace.wrapSpanContext(INVALID_SPAN_CONTEXT))
  const { span, within } = beginSpan(start, active)
  try {
    return await context.with(within, () => work(span))
  } catch (error) {
    markFailed(span, typeOf(error))
    throw error
  } finally {
    span.end()
  }
}

/** Marks a span as failed, by the name of what happened. Its text is in the log, where it is looked through for what is personal. */
export function markFailed(span: Span, type: string): void {
  span.setAttribute('error.type', type)
  span.setStatus({ code: SpanStatusCode.ERROR })
}

/** Marks the active span, if there is one. */
export function markActiveFailed(type: string): void {
  const span = trace.getActiveSpan()
  if (span !== undefined) markFailed(span, type)
}

/** For a log line: the trace that it belongs to. */
export function traceFields(span = trace.getActiveSpan()): { traceId?: string } {
  return span === undefined ? {} : { traceId: span.spanContext().traceId }
}

/** The active span in the form of the header `traceparent`, to be kept for `goOnFrom`; null when there is none. */
export function activeTraceparent(): string | null {
  const carrier: { traceparent?: string } = {}
  propagation.inject(context.active(), carrier)
  return carrier.traceparent ?? null
}

/** Does what was asked for in another span, maybe long ago or in another process, under that one. */
export function goOnFrom<T>(traceparent: string | null, work: () => T): T {
  if (tracer === undefined || traceparent === null) return work()
  return context.with(propagation.extract(ROOT_CONTEXT, { traceparent }), work)
}

/** The same function, called later or by others as if it were called here. */
export function bindToTrace<A extends unknown[], R>(work: (...args: A) => R): (...args: A) => R {
  return tracer === undefined ? work : context.bind(context.active(), work)
}
