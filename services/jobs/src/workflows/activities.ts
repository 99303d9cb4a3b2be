import {
  ActivityFailure,
  ApplicationFailure,
  isCancellation,
  proxyActivities,
  proxyLocalActivities,
  sleep,
} from '@temporalio/workflow'
import type { Activities } from '../activities/index.ts'
import type { Ending } from '../domain/ending.ts'
import type { JobState } from '../domain/job.ts'
import { beginning, type Progress, type ReadTask, type Task, type WriteTask } from '../domain/tasks.ts'

// Runs in the worker that has the workflow, without a wait for a task queue: most of the time that a small job would take.
const quick = proxyLocalActivities<Activities>({
  startToCloseTimeout: '20 seconds',
  retry: { maximumAttempts: 1 },
})

// The heartbeat tells of a worker that was killed. How often it is tried is bounded by the job's time limit; failures say themselves how
// long to wait.
const steady = proxyActivities<Activities>({
  startToCloseTimeout: '10 minutes',
  heartbeatTimeout: '5 seconds',
  retry: { initialInterval: '1 second', backoffCoefficient: 2, maximumInterval: '30 seconds' },
})

/** Reads the first part. */
export function readFirst(task: ReadTask): Promise<Progress> {
  return quicklyElse(
    () => quick.readPart(task, beginning, 0),
    () => steady.readPart(task, beginning, 1),
  )
}

/** Reads the next part. */
export function readNext(task: ReadTask, progress: Progress): Promise<Progress> {
  return steady.readPart.executeWithOptions({ summary: placeOf(progress) }, [task, progress, 0])
}

/** Writes the first part. */
export function writeFirst(task: WriteTask): Promise<Progress> {
  return quicklyElse(
    () => quick.writePart(task, beginning, 0),
    () => steady.writePart(task, beginning, 1),
  )
}

/** Writes the next part. */
export function writeNext(task: WriteTask, progress: Progress): Promise<Progress> {
  return steady.writePart.executeWithOptions({ summary: placeOf(progress) }, [task, progress, 0])
}

/** Makes the result of the parts and ends the job well. */
export function publishResult(task: Task, progress: Progress): Promise<void> {
  // To join large parts takes its time.
  if (progress.parts > 1) return steady.publishResult(task, progress)
  return quicklyElse(
    () => quick.publishResult(task, progress),
    () => steady.publishResult(task, progress),
  )
}

/** Ends the job otherwise; returns the state that it has, which is another one if it had ended before. */
export function endJob(task: Task, ending: Ending): Promise<JobState> {
  return quicklyElse(
    () => quick.endJob(task, ending),
    () => steady.endJob(task, ending),
  )
}

/** What fails and may get better goes on where failures are shown, waited for and repeated. */
async function quicklyElse<T>(quickly: () => Promise<T>, steadily: () => Promise<T>): Promise<T> {
  try {
    return await quickly()
  } catch (error) {
    if (isCancellation(error) || isFinal(error)) throw error
    await sleep(retryDelayOf(error) ?? '1 second')
    return await steadily()
  }
}

function isFinal(error: unknown): boolean {
  const cause = causeOf(error)
  return cause instanceof ApplicationFailure && cause.nonRetryable === true
}

function retryDelayOf(error: unknown) {
  const cause = causeOf(error)
  return cause instanceof ApplicationFailure ? cause.nextRetryDelay : undefined
}

function causeOf(error: unknown): unknown {
  return error instanceof ActivityFailure ? error.cause : error
}

function placeOf({ parts, rows }: Progress): string {
  return `Part ${parts + 1}, from row ${rows + 1}`
}
