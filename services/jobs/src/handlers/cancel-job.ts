import { DomainError, Reason } from '#kit/errors.ts'
import { isOpen, type Job } from '../domain/job.ts'
import { canCancel } from '../domain/visibility.ts'
import { type FindVisibleJob, permissionDenied } from '../find-job.ts'
import type { TellJob } from '../messages.ts'
import type { Reconciler } from '../reconciler.ts'
import type { Rpc } from '../rpc.ts'
import type { JobStore } from '../store/job-store.ts'
import type { JobWorkflows } from '../temporal/job-workflows.ts'

export type CancelJobDependencies = {
  findVisibleJob: FindVisibleJob
  store: JobStore
  workflows: JobWorkflows
  reconciler: Pick<Reconciler, 'reconcile'>
  tellJob: TellJob
}

export function cancelJob(dependencies: CancelJobDependencies): Rpc<'cancelJob'> {
  const { findVisibleJob, store, workflows, reconciler, tellJob } = dependencies
  return async ({ id }, context) => {
    const { job, viewer } = await findVisibleJob(id, context)
    if (!canCancel(viewer, job)) throw permissionDenied()
    if (!isOpen(job)) throw new DomainError(Reason.JOB_ENDED, 'The job has ended already.')
    if (await store.cancelPending(id)) {
      // No work has begun, and none will: the workflow, if there is one, finds that out by itself should this not reach it.
      await workflows.cancel(id).catch(() => false)
    } else if (!(await workflows.cancel(id))) {
      await reconciler.reconcile(job)
    }
    return { job: await tellJob((await store.find(id)) as Job) }
  }
}
