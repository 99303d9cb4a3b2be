import {
  ActivityCancellationType,
  ActivityFailure,
  ApplicationFailure,
  isCancellation,
  proxyActivities,
  proxyLocalActivities,
  setCurrentDetails,
  sleep,
} from '@temporalio/workflow'
import type { Activities } from '../activities/index.ts'
import type { EndedAs, Ending } from '../domain/ending.ts'
import { beginning, type Progress, type ReadTask, type Task, type WriteTask } from '../domain/tasks.ts'

// A job ends, and lets the next upload in, when nothing of it is at work any more.
const cancellationType = ActivityCancellationType.WAIT_CANCELLATION_COMPLETED

// Runs in the worker that has the workflow, without a wait for a task queue: most of the time that a small job would take.
const quick = proxyLocalActivities<Activities>({
  startToCloseTimeout: '20 seconds',
  cancellationType,
  retry: { maximumAttempts: 1 },
})

// The heartbeat tells of a worker that was killed. How often it is tried is bounded by the job's time limit; failures say themselves how
// long to wait.
const steady = proxyActivities<Activities>({
  startToCloseTimeout: '10 minutes',
  heartbeatTimeout: '5 seconds',
  cancellationType,
  retry: { initialInterval: '1 second', backoffCoefficient: 2, maximumInterval: '30 seconds' },
})

/** Reads the first part. */
export function readFirst(task: ReadTask): Promise<Progress> {
  const summary = `Read ${placeOf(beginning)}`
  return shown(
    quicklyElse(
      () => quick.readPart.executeWithOptions({ summary }, [task, beginning, 0]),
      () => steady.readPart.executeWithOptions({ summary }, [task, beginning, 1]),
    ),
    'read',
  )
}

/** Reads the next part. */
export function readNext(task: ReadTask, progress: Progress): Promise<Progress> {
  const summary = `Read ${placeOf(progress)}`
  return shown(steady.readPart.executeWithOptions({ summary }, [task, progress, 0]), 'read')
}

/** Writes the first part. */
export function writeFirst(task: WriteTask): Promise<Progress> {
  const summary = `Write ${placeOf(beginning)}`
  return shown(
    quicklyElse(
      () => quick.writePart.executeWithOptions({ summary }, [task, beginning, 0]),
      () => steady.writePart.executeWithOptions({ summary }, [task, beginning, 1]),
    ),
    'written',
  )
}

/** Writes the next part. */
export function writeNext(task: WriteTask, progress: Progress): Promise<Progress> {
  const summary = `Write ${placeOf(progress)}`
  return shown(steady.writePart.executeWithOptions({ summary }, [task, progress, 0]), 'written')
}

/** Makes the result of the parts and ends the job well. */
export function publishResult(task: Task, progress: Progress): Promise<void> {
  const parts = progress.parts === 1 ? 'one part' : `${progress.parts} parts`
  const summary = `Make the result of ${parts}`
  const steadily = () => steady.publishResult.executeWithOptions({ summary }, [task, progress])
  // To join large parts takes its time.
  if (progress.parts > 1) return steadily()
  return quicklyElse(() => quick.publishResult.executeWithOptions({ summary }, [task, progress]), steadily)
}

/** Ends the job otherwise; returns how it stands then, which is another way if it had ended before. */
export function endJob(task: Task, ending: Ending): Promise<EndedAs> {
  const summary = ending.state === 'FAILED' ? `Give up: ${ending.failure.reason}` : 'Stop: cancelled'
  return quicklyElse(
    () => quick.endJob.executeWithOptions({ summary }, [task, ending]),
    () => steady.endJob.executeWithOptions({ summary }, [task, ending]),
  )
}

/** Whether what was needed is not in the storage. */
export function isObjectGone(error: unknown): boolean {
  const cause = causeOf(error)
  return cause instanceof ApplicationFailure && cause.type === 'OBJECT_NOT_FOUND'
}

/** Tells operators who open the workflow how far it is. */
async function shown(part: Promise<Progress>, done: 'read' | 'written'): Promise<Progress> {
  const progress = await part
  const { parts, rows, good, bad } = progress
  const outcomes = bad > 0 ? ` (${good} good, ${bad} not)` : ''
  const rest = progress.done ? 'The result is being made.' : `Part ${parts + 1} is at work.`
  setCurrentDetails(`**${rows}** rows ${done}${outcomes} in ${parts} parts. ${rest}`)
  return progress
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
  return `part ${parts + 1}, from row ${rows + 1}`
}
