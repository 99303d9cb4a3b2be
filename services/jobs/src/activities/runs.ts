import { Context } from '@temporalio/activity'
import type { JobStore } from '../store/job-store.ts'

/** The run of the workflow that the activity belongs to. */
export function runIdOf({ info }: Pick<Context, 'info'>): string {
  const runId = info.workflowExecution?.runId
  if (runId === undefined) throw new Error('an activity of jobs was started without a workflow')
  return runId
}

/**
 * Opens a job again that an earlier run of its workflow ended, when this is the run that a reset has made of it. WRITE_IN_PROGRESS when
 * an upload to the program has begun since.
 */
export async function reopen(store: JobStore, jobId: string): Promise<void> {
  const runId = runIdOf(Context.current())
  if (await wasEndedByEarlierRun(store, jobId, runId)) await store.reopen(jobId, runId)
}

/** Whether an earlier run ended the job, and this one is the newest: an activity may outlive its run. */
export async function wasEndedByEarlierRun(store: JobStore, jobId: string, runId: string): Promise<boolean> {
  const [job] = await store.findStandpoints([jobId])
  if (job === undefined || job.endedRunId === null || job.endedRunId === runId) return false
  if (job.state === 'SUCCEEDED') return false
  const newest = await Context.current().client.workflow.getHandle(jobId).describe()
  return newest.runId === runId
}
