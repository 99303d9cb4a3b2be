import type { JobState } from './job.ts'

/** For how many days things are kept after their job has ended; 0 for ever. The row goes last, with whatever there still is. */
export type Retention = { resultDays: number; uploadDays: number; jobDays: number }

/** How much of what was removed. */
export type Purged = { results: number; uploads: number; jobs: number; leftovers: number }

export const secondsPerDay = 86_400

/** For how long what a broken job or write left behind is let alone: somebody may be looking into it, or go on. */
export const leftoverSeconds = 24 * 3_600

/** The folders in which everything of jobs lies. */
export const jobFolders = ['job-results', 'uploads'] as const

/** An object of a job that is not open need not be there: what it is, by its key; undefined for one that is none of ours. */
export type JobObject = { jobId: string; is: 'part' | 'result' | 'upload' }

const uuid = '[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}'
const shapes = [
  ['part', new RegExp(`^job-results/(${uuid})\\.parts/[\\w-]+$`)],
  ['result', new RegExp(`^job-results/(${uuid})\\.(?:json|csv)$`)],
  ['upload', new RegExp(`^uploads/(${uuid})\\.json$`)],
] as const

export function jobObjectOf(key: string): JobObject | undefined {
  for (const [is, shape] of shapes) {
    const jobId = shape.exec(key)?.[1]
    if (jobId !== undefined) return { jobId, is }
  }
  return undefined
}

/**
 * Whether an object is of no use to any job, given the state of its job, undefined when there is none. Results and uploads of jobs
 * that are not known may be another system's with which the bucket is shared: they are kept as long as ours.
 */
export function isLeftover(
  is: JobObject['is'],
  state: JobState | undefined,
  ageSeconds: number,
  retention: Retention,
): boolean {
  if (ageSeconds <= leftoverSeconds) return false
  const isOld = (days: number) => days > 0 && ageSeconds > days * secondsPerDay
  const hasBroken = state === 'FAILED' || state === 'CANCELED'
  switch (is) {
    case 'part':
      return state === undefined || state === 'SUCCEEDED' || hasBroken
    case 'result':
      return state === undefined ? isOld(retention.resultDays) : hasBroken
    case 'upload':
      return state === undefined && isOld(retention.uploadDays)
  }
}
