import type { WorkflowClientInterceptor } from '@temporalio/client'
import type { WorkerOptions } from '@temporalio/worker'
import { isTracing, tracingSdk } from '#kit/tracing.ts'

// Of Temporal's own interceptors those that follow a job: it is started, runs, has activities done. They are loaded, and bundled with
// the workflows, only where traces are wanted.
const load = () => import('@temporalio/interceptors-opentelemetry-v2')

/** Makes the start of a workflow a span, and the workflow's a part of the trace that it is started in. */
export function traceStarts(): WorkflowClientInterceptor[] {
  if (!isTracing()) return []
  const loading = load().then((library) => new library.OpenTelemetryWorkflowClientInterceptor())
  return [{ startWithDetails: async (input, next) => (await loading).startWithDetails(input, next) }]
}

/** Makes workflows and activities spans. */
export async function traceWork(): Promise<Pick<WorkerOptions, 'interceptors' | 'sinks'>> {
  const sdk = tracingSdk()
  if (sdk === undefined) return {}
  const library = await load()
  const exporter = library.makeWorkflowExporter(sdk.processor, sdk.resource)
  return {
    interceptors: {
      activity: [(context) => ({ inbound: new library.OpenTelemetryActivityInboundInterceptor(context) })],
    },
    sinks: {
      exporter: {
        export: {
          // The library would write everything that is known about the workflow into each span of it.
          fn: ({ workflowId, runId, workflowType }, spans) =>
            exporter.export.fn({ workflowId, runId, workflowType } as never, spans as never),
        },
      },
    },
  }
}
