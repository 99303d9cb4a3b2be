import { JobState } from '#proto/registrar/jobs/v1/job_pb.ts'

/** The states of a job as arguments name them. */
export const stateNames: Readonly<Record<string, JobState>> = {
  pending: JobState.PENDING,
  'in-progress': JobState.IN_PROGRESS,
  retrying: JobState.RETRYING,
  succeeded: JobState.SUCCEEDED,
  failed: JobState.FAILED,
  canceled: JobState.CANCELED,
}

/** The state as partners read it: `In Progress`. */
export function describeState(state: JobState): string {
  const name = Object.keys(stateNames).find((each) => stateNames[each] === state) ?? 'unknown'
  return name.replaceAll(
    /(^|-)([a-z])/g,
    (_, dash: string, letter: string) => (dash && ' ') + letter.toUpperCase(),
  )
}
