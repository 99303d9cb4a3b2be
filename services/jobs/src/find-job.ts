import type { HandlerContext } from '@connectrpc/connect'
import { DomainError, Reason } from '#kit/errors.ts'
import type { Job } from './domain/job.ts'
import { canSee, type Viewer } from './domain/visibility.ts'
import type { JobStore } from './store/job-store.ts'
import type { IdentifyViewer } from './viewers.ts'

/** The job with exactly this id, and who asks for it. USER_INACTIVE, JOB_NOT_FOUND, PERMISSION_DENIED. */
export type FindVisibleJob = (id: string, context: HandlerContext) => Promise<{ job: Job; viewer: Viewer }>

export function createFindVisibleJob(store: JobStore, identifyViewer: IdentifyViewer): FindVisibleJob {
  return async (id, context) => {
    const [viewer, job] = await Promise.all([
      identifyViewer(context),
      isJobId(id) ? store.find(id) : undefined,
    ])
    if (job === undefined) throw new DomainError(Reason.JOB_NOT_FOUND, 'Not found.')
    if (!canSee(viewer, job)) throw permissionDenied()
    return { job, viewer }
  }
}

/** Whether a text can be the id of a job: any other spelling of the same number cannot. */
export function isJobId(text: string): boolean {
  return /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/.test(text)
}

export function permissionDenied(): DomainError {
  return new DomainError(Reason.PERMISSION_DENIED, 'You do not have permission to perform this action.')
}

export function invalidArgument(field: string, description: string): DomainError {
  return new DomainError(Reason.INVALID_ARGUMENT, `${field} ${description}`, {
    fields: [{ field, description }],
  })
}
