import type { Job } from './job.ts'

/** Who asks about jobs: the operator's command, or a user. */
export type Viewer =
  | { kind: 'operator' }
  | { kind: 'user'; userId: string; isSuperuser: boolean; readsAllJobs: boolean }

/** Whether jobs of everybody are shown. */
export function seesAllJobs(viewer: Viewer): boolean {
  return viewer.kind === 'operator' || viewer.isSuperuser || viewer.readsAllJobs
}

export function canSee(viewer: Viewer, job: Pick<Job, 'ownerId'>): boolean {
  return seesAllJobs(viewer) || isOwner(viewer, job)
}

export function canCancel(viewer: Viewer, job: Pick<Job, 'ownerId'>): boolean {
  return viewer.kind === 'operator' || viewer.isSuperuser || isOwner(viewer, job)
}

function isOwner(viewer: Viewer, job: Pick<Job, 'ownerId'>): boolean {
  return viewer.kind === 'user' && viewer.userId === job.ownerId
}
