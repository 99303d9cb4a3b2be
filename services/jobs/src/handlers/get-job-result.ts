import { DomainError, Reason } from '#kit/errors.ts'
import { resultKeyOf } from '../domain/object-keys.ts'
import type { FindVisibleJob } from '../find-job.ts'
import type { Rpc } from '../rpc.ts'
import type { Storage } from '../storage/storage.ts'

export type GetJobResultDependencies = { findVisibleJob: FindVisibleJob; storage: Storage; bucket: string }

export function getJobResult(dependencies: GetJobResultDependencies): Rpc<'getJobResult'> {
  const { findVisibleJob, storage, bucket } = dependencies
  return async function* ({ id }, context) {
    const { job } = await findVisibleJob(id, context)
    if (job.state !== 'SUCCEEDED') {
      throw new DomainError(Reason.RESULT_NOT_READY, 'The job has no result, or not yet.')
    }
    if (job.isResultRemoved) {
      throw new DomainError(Reason.RESULT_NOT_READY, 'The result of the job is no longer kept.')
    }
    const { chunks } = await storage.read(bucket, resultKeyOf(job))
    for await (const data of chunks) yield { data }
  }
}
