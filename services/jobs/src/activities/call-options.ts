import type { CallOptions } from '@connectrpc/connect'
import { requestIdHeader } from '#kit/call-context.ts'
import type { Task } from '../domain/tasks.ts'

/** What every call on behalf of a job takes along. Logs and the history of enrollments name the job as the request that it was. */
export function callOptionsFor({ jobId }: Pick<Task, 'jobId'>, signal: AbortSignal): CallOptions {
  return { headers: { [requestIdHeader]: jobId }, signal }
}
