import { ActivityFailure, ApplicationFailure, CancellationScope, isCancellation } from '@temporalio/workflow'
import { canceledFailure, type Ending, internalFailure, timeLimitFailure } from '../domain/ending.ts'
import type { Task } from '../domain/tasks.ts'
import { endJob } from './activities.ts'

/** Does a job's work within its time limit. Whatever ends the work early is written down in the job before the workflow ends by it. */
export async function settle(task: Task, work: () => Promise<void>): Promise<void> {
  const workflow = CancellationScope.current()
  try {
    await CancellationScope.withTimeout(task.timeLimitSeconds * 1_000, work)
  } catch (error) {
    const ending = endingOf(error, task, workflow.consideredCancelled)
    const { state, failure } = await CancellationScope.nonCancellable(() => endJob(task, ending))
    // The work had ended before it was broken off, or its outcome was posted.
    if (state === 'SUCCEEDED') return
    if (state === 'CANCELED' && workflow.consideredCancelled) throw error
    throw workflowFailureOf(failure ?? canceledFailure())
  }
}

function endingOf(error: unknown, task: Task, isCanceled: boolean): Ending {
  if (isCanceled) return { state: 'CANCELED' }
  if (isCancellation(error)) return { state: 'FAILED', failure: timeLimitFailure(task.timeLimitSeconds) }
  const cause = error instanceof ActivityFailure ? error.cause : error
  if (!(cause instanceof ApplicationFailure)) return { state: 'FAILED', failure: internalFailure() }
  return {
    state: 'FAILED',
    failure: { reason: cause.type ?? internalFailure().reason, message: cause.message },
  }
}

function workflowFailureOf({ reason, message }: { reason: string; message: string }): ApplicationFailure {
  const failure = ApplicationFailure.create({ type: reason, message, nonRetryable: true })
  // Where in our code tells operations nothing, and stays in the history.
  failure.stack = ''
  return failure
}
