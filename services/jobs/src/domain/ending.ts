import type { JobFailure } from './job.ts'

/** How a job ends when it does not succeed. */
export type Ending = { state: 'FAILED'; failure: JobFailure } | { state: 'CANCELED' }

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
