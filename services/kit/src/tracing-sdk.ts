import {
  type Context,
  isSpanContextValid,
  type TextMapGetter,
  type TextMapPropagator,
  type TextMapSetter,
  trace,
} from '@opentelemetry/api'
import { OTLPTraceExporter } from '@opentelemetry/exporter-trace-otlp-proto'
import {
  defaultResource,
  detectResources,
  envDetector,
  type Resource,
  resourceFromAttributes,
  serviceInstanceIdDetector,
} from '@opentelemetry/resources'
import {
  BatchSpanProcessor,
  NodeTracerProvider,
  type ReadableSpan,
  type SpanExporter,
  type SpanProcessor,
} from '@opentelemetry/sdk-trace-node'
import type { Logger } from './logger.ts'

/** What makes and sends spans. Loaded only where traces are wanted. */
export type TracingSdk = {
  processor: SpanProcessor
  resource: Resource
  /** Sends what has not been sent, if that goes quickly. */
  close(): Promise<void>
}

const lastSendMs = 1_000

/** Reads the standard settings from the environment of the process: where to, sampler, headers, limits, batches. */
export function startTracingSdk(name: string, logger: Logger): TracingSdk {
  const resource = defaultResource()
    .merge(resourceFromAttributes({ 'service.name': `registrar-${name}` }))
    .merge(detectResources({ detectors: [serviceInstanceIdDetector, envDetector] }))
  const processor = new BatchSpanProcessor(withoutTexts(new OTLPTraceExporter(), logger))
  const provider = new NodeTracerProvider({ resource, spanProcessors: [processor] })
  provider.register({ propagator: new TraceparentPropagator() })
  return {
    processor,
    resource,
    async close() {
      const patience = new Promise<void>((resolve) => setTimeout(resolve, lastSendMs).unref())
      await Promise.race([provider.shutdown().catch(() => {}), patience])
    },
  }
}

/**
 * Sends spans without the messages and stack traces of errors, which libraries write into them and which may quote anything. Says
 * once that nobody takes them, and once that somebody does again: a collector that is away is no trouble of ours.
 */
export function withoutTexts(exporter: SpanExporter, logger: Logger): SpanExporter {
  let isAway = false
  return {
    export(spans, done) {
      exporter.export(spans.map(withoutItsTexts), (result) => {
        const fails = result.error !== undefined
        if (fails !== isAway) {
          if (fails) logger.warn('traces cannot be sent: they are dropped until they can')
          else logger.info('traces are sent again')
          isAway = fails
        }
        done(result)
      })
    },
    forceFlush: async () => exporter.forceFlush?.(),
    shutdown: () => exporter.shutdown(),
  }
}

function withoutItsTexts(span: ReadableSpan): ReadableSpan {
  const { status, events } = span
  if (status.message === undefined && events.length === 0) return span
  return Object.create(span, {
    status: { value: { code: status.code } },
    events: { value: events.map(({ name, time }) => ({ name, time })) },
  }) as ReadableSpan
}

/**
 * The header `traceparent` of W3C Trace Context. `tracestate` and baggage are left behind: a caller can write anything into them,
 * and they would come to others and stay in the histories of workflows.
 */
export class TraceparentPropagator implements TextMapPropagator {
  inject(context: Context, carrier: unknown, setter: TextMapSetter): void {
    const span = trace.getSpanContext(context)
    if (span === undefined || !isSpanContextValid(span)) return
    const flags = span.traceFlags.toString(16).padStart(2, '0')
    setter.set(carrier, 'traceparent', `00-${span.traceId}-${span.spanId}-${flags}`)
  }

  extract(context: Context, carrier: unknown, getter: TextMapGetter): Context {
    const given = getter.get(carrier, 'traceparent')
    const [, traceId, spanId, flags] = (typeof given === 'string' && traceparent.exec(given)) || []
    if (traceId === undefined || spanId === undefined || flags === undefined) return context
    const span = { traceId, spanId, traceFlags: Number.parseInt(flags, 16) & 1, isRemote: true }
    return isSpanContextValid(span) ? trace.setSpanContext(context, span) : context
  }

  fields(): string[] {
    return ['traceparent']
  }
}

const traceparent = /^(?!ff)[\da-f]{2}-([\da-f]{32})-([\da-f]{16})-([\da-f]{2})(?:-|$)/
