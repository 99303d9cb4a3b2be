import { randomUUID } from 'node:crypto'
import type { Client } from '@temporalio/client'

const workflowTaskCompleted = 7

/** Resets a workflow as the UI does, to one of its workflow tasks: 0 for the first, -1 for the last. Returns the new run's id. */
export async function resetWorkflow(client: Client, workflowId: string, task = 0): Promise<string> {
  const { events } = await client.workflow.getHandle(workflowId).fetchHistory()
  const tasks = (events ?? []).filter(({ eventType }) => eventType === workflowTaskCompleted)
  const { runId } = await client.workflowService.resetWorkflowExecution({
    namespace: 'default',
    workflowExecution: { workflowId },
    reason: 'a test',
    workflowTaskFinishEventId: tasks.at(task)?.eventId,
    requestId: randomUUID(),
  })
  return runId
}
