import {
  Client,
  Connection,
  isGrpcServiceError,
  WorkflowExecutionAlreadyStartedError,
  type WorkflowExecutionStatusName,
  WorkflowNotFoundError,
} from '@temporalio/client'
import { DomainError, Reason } from '#kit/errors.ts'
import { detailsOf, type Job, summaryOf } from '../domain/job.ts'
import { taskOf } from '../domain/tasks.ts'
import type { TemporalConfig } from './connection.ts'
import { graceAfterTimeLimitSeconds, taskQueue, workflowIdOf, workflowTaskTimeoutMs } from './names.ts'

/** How a job's workflow stands: as Temporal names it, or MISSING when there is none. */
export type WorkflowStatus = WorkflowExecutionStatusName | 'MISSING'

/** The workflows of jobs. Every call fails with UNAVAILABLE within seconds while Temporal is away. */
export type JobWorkflows = {
  /** Starts a job's workflow unless it was started before, also when that has ended since. */
  start(job: Job): Promise<void>
  statusOf(jobId: string): Promise<WorkflowStatus>
  /** Asks a workflow to stop; false when none runs. */
  cancel(jobId: string): Promise<boolean>
  close(): Promise<void>
}

const callWithinMs = 2_000

/** Connects on the first call, so that a process can start and serve while Temporal is away. */
export function createJobWorkflows(
  config: TemporalConfig,
  options: { timeLimitSeconds: number },
): JobWorkflows {
  const { namespace, ...connectionOptions } = config
  const connection = Connection.lazy({
    ...connectionOptions,
    // Without the retries of the SDK: the reconciler comes back by itself, and a caller must not wait.
    interceptors: [],
    channelArgs: { 'grpc.initial_reconnect_backoff_ms': 200, 'grpc.max_reconnect_backoff_ms': 1_000 },
  })
  const client = new Client({ connection, namespace })
  const call = <T>(work: () => Promise<T>) =>
    explained(() => connection.withDeadline(Date.now() + callWithinMs, work))

  return {
    async start(job) {
      const { timeLimitSeconds } = options
      await call(() =>
        client.workflow.start(job.kind, {
          workflowId: workflowIdOf(job.id),
          taskQueue,
          args: [taskOf(job, timeLimitSeconds)],
          workflowIdReusePolicy: 'REJECT_DUPLICATE',
          workflowIdConflictPolicy: 'USE_EXISTING',
          workflowTaskTimeout: workflowTaskTimeoutMs,
          workflowRunTimeout: (timeLimitSeconds + graceAfterTimeLimitSeconds) * 1_000,
          staticSummary: summaryOf(job),
          staticDetails: detailsOf(job),
        }),
      ).catch((error: unknown) => {
        if (!(error instanceof WorkflowExecutionAlreadyStartedError)) throw error
      })
    },
    statusOf: (jobId) =>
      call(async () => {
        try {
          return (await client.workflow.getHandle(workflowIdOf(jobId)).describe()).status.name
        } catch (error) {
          if (error instanceof WorkflowNotFoundError) return 'MISSING'
          throw error
        }
      }),
    cancel: (jobId) =>
      call(async () => {
        try {
          await client.workflow.getHandle(workflowIdOf(jobId)).cancel()
          return true
        } catch (error) {
          if (error instanceof WorkflowNotFoundError) return false
          throw error
        }
      }),
    close: () => connection.close(),
  }
}

async function explained<T>(work: () => Promise<T>): Promise<T> {
  try {
    return await work()
  } catch (error) {
    // The SDK wraps what gRPC says into an error of its own.
    const cause = error instanceof Error ? (error.cause ?? error) : error
    if (!isGrpcServiceError(cause)) throw error
    throw new DomainError(Reason.UNAVAILABLE, 'Temporal is away', { retryAfterSeconds: 2, cause: error })
  }
}
