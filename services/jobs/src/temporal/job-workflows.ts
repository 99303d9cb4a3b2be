import {
  Client,
  Connection,
  isGrpcServiceError,
  WorkflowExecutionAlreadyStartedError,
  type WorkflowExecutionStatusName,
  WorkflowNotFoundError,
} from '@temporalio/client'
import { DomainError, Reason } from '#kit/errors.ts'
import type { Logger } from '#kit/logger.ts'
import { goOnFrom } from '#kit/tracing.ts'
import { detailsOf, type Job, summaryOf, type TimeLimits } from '../domain/job.ts'
import { taskOf } from '../domain/tasks.ts'
import type { TemporalConfig } from './connection.ts'
import {
  fairnessKeyOf,
  graceAfterTimeLimitSeconds,
  taskQueue,
  workflowIdOf,
  workflowTaskTimeoutMs,
} from './names.ts'
import { createPayloadCodecs } from './payload-codec.ts'
import { createSearchAttributeRegistry, searchAttributesOf } from './search-attributes.ts'
import { traceStarts } from './tracing.ts'
import { listRuns, type RunsPage } from './workflow-lists.ts'

/** A run of a job's workflow: as Temporal names its status, or MISSING when there is none. */
export type WorkflowRun = { status: WorkflowExecutionStatusName; runId: string } | { status: 'MISSING' }

/** The workflows of jobs. Every call fails with UNAVAILABLE within seconds while Temporal is away. */
export type JobWorkflows = {
  /** Starts a job's workflow unless it was started before, also when that has ended since. */
  start(job: Job): Promise<void>
  /** The newest run. */
  find(jobId: string): Promise<WorkflowRun>
  /** Asks a workflow to stop; false when none runs. */
  cancel(jobId: string): Promise<boolean>
  /** Ends a run at once, without a word to it; false when it does not run. */
  terminate(run: { jobId: string; runId: string }, reason: string): Promise<boolean>
  /** A page of the runs that go on, as of a moment ago; the token of the page before leads to the next one. */
  listRunning(pageToken?: string): Promise<RunsPage>
  /** Some of the runs that ended in the last half minute otherwise than well, as of a moment ago. */
  listBroken(): Promise<RunsPage>
  close(): Promise<void>
}

const callWithinMs = 2_000

/** Connects on the first call, so that a process can start and serve while Temporal is away. */
export function createJobWorkflows(
  config: TemporalConfig,
  options: { timeLimitOf: TimeLimits; logger: Logger },
): JobWorkflows {
  const { namespace, codecKeys, ...connectionOptions } = config
  const { timeLimitOf, logger } = options
  const connection = Connection.lazy({
    ...connectionOptions,
    // Without the retries of the SDK: the reconciler comes back by itself, and a caller must not wait.
    interceptors: [],
    channelArgs: { 'grpc.initial_reconnect_backoff_ms': 200, 'grpc.max_reconnect_backoff_ms': 1_000 },
  })
  const dataConverter = { payloadCodecs: createPayloadCodecs(codecKeys) }
  const interceptors = { workflow: traceStarts() }
  const client = new Client({ connection, namespace, dataConverter, interceptors })
  const registry = createSearchAttributeRegistry({ connection, namespace, logger })
  const call = <T>(work: () => Promise<T>) =>
    explained(() => connection.withDeadline(Date.now() + callWithinMs, work))

  async function startWith(job: Job, searchAttributes: Record<string, string[]>): Promise<void> {
    const timeLimitSeconds = timeLimitOf(job.kind)
    try {
      await client.workflow.start(job.kind, {
        workflowId: workflowIdOf(job.id),
        taskQueue,
        args: [taskOf(job, timeLimitSeconds)],
        workflowIdReusePolicy: 'REJECT_DUPLICATE',
        workflowIdConflictPolicy: 'USE_EXISTING',
        workflowTaskTimeout: workflowTaskTimeoutMs,
        workflowRunTimeout: (timeLimitSeconds + graceAfterTimeLimitSeconds) * 1_000,
        priority: { fairnessKey: fairnessKeyOf(job.organizationKey) },
        searchAttributes,
        staticSummary: summaryOf(job),
        staticDetails: detailsOf(job),
      })
    } catch (error) {
      if (!(error instanceof WorkflowExecutionAlreadyStartedError)) throw error
    }
  }

  async function start(job: Job): Promise<void> {
    if (!(await registry.ensure())) return startWith(job, {})
    try {
      await startWith(job, searchAttributesOf(job))
    } catch (error) {
      if (!isAboutSearchAttributes(error)) throw error
      // Nobody waits for what only helps to find a job.
      registry.forget()
      await startWith(job, {})
    }
  }

  return {
    start: (job) => goOnFrom(job.traceparent, () => call(() => start(job))),
    find: (jobId) =>
      call(async () => {
        try {
          const { status, runId } = await client.workflow.getHandle(workflowIdOf(jobId)).describe()
          return { status: status.name, runId }
        } catch (error) {
          if (error instanceof WorkflowNotFoundError) return { status: 'MISSING' }
          throw error
        }
      }),
    cancel: (jobId) => call(() => isFound(client.workflow.getHandle(workflowIdOf(jobId)).cancel())),
    terminate: ({ jobId, runId }, reason) =>
      call(() => isFound(client.workflow.getHandle(workflowIdOf(jobId), runId).terminate(reason))),
    listRunning: (pageToken) =>
      call(() => listRuns(client, namespace, "ExecutionStatus = 'Running'", pageToken)),
    listBroken: () =>
      call(() => {
        const since = new Date(Date.now() - 30_000).toISOString()
        const isBroken = `ExecutionStatus IN ('Terminated', 'TimedOut', 'Canceled', 'Failed')`
        return listRuns(client, namespace, `${isBroken} AND CloseTime > '${since}'`)
      }),
    close: () => connection.close(),
  }
}

async function isFound(work: Promise<unknown>): Promise<boolean> {
  try {
    await work
    return true
  } catch (error) {
    if (error instanceof WorkflowNotFoundError) return false
    throw error
  }
}

async function explained<T>(work: () => Promise<T>): Promise<T> {
  try {
    return await work()
  } catch (error) {
    if (!isGrpcServiceError(causeOf(error))) throw error
    throw new DomainError(Reason.UNAVAILABLE, 'Temporal is away', { retryAfterSeconds: 2, cause: error })
  }
}

function isAboutSearchAttributes(error: unknown): boolean {
  const cause = causeOf(error)
  return isGrpcServiceError(cause) && cause.code === 3 && /search attribute/i.test(cause.details)
}

// The SDK wraps what gRPC says into an error of its own.
function causeOf(error: unknown): unknown {
  return error instanceof Error ? (error.cause ?? error) : error
}
