import type { JobFailure, JobState } from './job.ts'

/** How a job ends when it does not succeed. */
export type Ending = { state: 'FAILED'; failure: JobFailure } | { state: 'CANCELED' }

/** How a job stands when its workflow ends: as somebody else may have ended it before. */
export type EndedAs = { state: JobState; failure: JobFailure | null }

/** The reason of a job that took too long. */
export const timeLimitReason = 'TIME_LIMIT'

/** The reason of a failure that is ours and that nobody has a word for. */
export const internalReason = 'INTERNAL'

/** The end of a job that took too long, with what held it up at last, where that is known. */
export function timeLimitFailure(seconds: number, lastTrouble: JobFailure | null = null): JobFailure {
  const trouble = lastTrouble === null ? '' : ` The last trouble was: ${lastTrouble.message}`
  return { reason: timeLimitReason, message: `The job did not end within ${seconds} seconds.${trouble}` }
}

/** The end of a job that was given up by something of which nothing is known but that it happened. */
export function internalFailure(): JobFailure {
  return {
    reason: internalReason,
    message: 'The job ended by a fault of the system; its operators find more under the id of the job.',
  }
}

/** The end of a workflow whose job somebody had cancelled before it could do anything. */
export function canceledFailure(): JobFailure {
  return { reason: 'JOB_ENDED', message: 'The job had been cancelled before.' }
}
