import type { CallOptions } from '@connectrpc/connect'
import { onBehalfOf } from '#kit/author.ts'
import { requestIdHeader } from '#kit/call-context.ts'
import type { Task } from '../domain/tasks.ts'

/** What every call on behalf of a job takes along. Logs and the audit trail name the job as the request that it was. */
export function callOptionsFor({ jobId }: Pick<Task, 'jobId'>, signal: AbortSignal): CallOptions {
  return { headers: { [requestIdHeader]: jobId }, signal }
}

/** The same for a call that writes: the audit trail names the owner of the job too. */
export function writingOptionsFor(
  { jobId }: Pick<Task, 'jobId'>,
  owner: string,
  signal: AbortSignal,
): CallOptions {
  return { headers: { [requestIdHeader]: jobId, ...onBehalfOf(owner) }, signal }
}
