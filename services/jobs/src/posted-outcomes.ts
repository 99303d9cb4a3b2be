import { DomainError, Reason } from '#kit/errors.ts'
import type { Job } from './domain/job.ts'
import { invalidArgument } from './find-job.ts'
import type { TellJob } from './messages.ts'
import type { JobStore } from './store/job-store.ts'
import type { JobWorkflows } from './temporal/job-workflows.ts'

export type PostedOutcomeDependencies = { store: JobStore; workflows: JobWorkflows; tellJob: TellJob }

const longestText = 1_000

/** The largest result that can be posted. */
export const maximumContentBytes = 16 * 1024 * 1024
/** The message that brings it is the largest that the service takes. */
export const largestMessageBytes = maximumContentBytes + 64 * 1024

/** INVALID_ARGUMENT unless a text can be shown to people. */
export function assertShowable(field: string, text: string): void {
  if (text.length > longestText || text.includes('\0')) {
    throw invalidArgument(field, `must have ${longestText} characters at most, and no NUL`)
  }
}

/** Stops the workflow of a job whose outcome was posted, and tells the job. JOB_ENDED when another outcome was there before. */
export async function tellPosted(
  { store, workflows, tellJob }: PostedOutcomeDependencies,
  id: string,
  isEnded: boolean,
): Promise<{ job: Awaited<ReturnType<TellJob>> }> {
  if (!isEnded) throw new DomainError(Reason.JOB_ENDED, 'The job has ended already.')
  // One that cannot be told now is stopped by the reconciler.
  await workflows.cancel(id).catch(() => false)
  return { job: await tellJob((await store.find(id)) as Job) }
}
