import type { Client } from '@temporalio/client'
import { readKinds, writeKinds } from '../domain/job.ts'
import { taskQueue } from './names.ts'

/** Runs of workflows of jobs, by what Temporal's index says: it is behind by a moment. */
export type RunsPage = {
  runs: { jobId: string; runId: string }[]
  /** For the page after this one; undefined on the last. */
  nextPageToken: string | undefined
}

const pageSize = 500
const ourTypes = [...readKinds, ...writeKinds].map((kind) => `'${kind}'`).join(', ')
const areOurs = `TaskQueue = '${taskQueue}' AND WorkflowType IN (${ourTypes})`

/** A page of our runs that pass a filter, newest first. */
export async function listRuns(
  client: Client,
  namespace: string,
  filter: string,
  pageToken?: string,
): Promise<RunsPage> {
  const { executions, nextPageToken } = await client.workflowService.listWorkflowExecutions({
    namespace,
    pageSize,
    query: `${filter} AND ${areOurs}`,
    ...(pageToken !== undefined && { nextPageToken: Buffer.from(pageToken, 'base64') }),
  })
  const next = Buffer.from(nextPageToken ?? []).toString('base64')
  return {
    runs: executions.map(({ execution }) => ({
      jobId: execution?.workflowId ?? '',
      runId: execution?.runId ?? '',
    })),
    nextPageToken: next === '' ? undefined : next,
  }
}
