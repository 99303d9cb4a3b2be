import type { FindVisibleJob } from '../find-job.ts'
import type { TellJob } from '../messages.ts'
import type { Rpc } from '../rpc.ts'

export function getJob(dependencies: { findVisibleJob: FindVisibleJob; tellJob: TellJob }): Rpc<'getJob'> {
  return async ({ id }, context) => {
    const { job } = await dependencies.findVisibleJob(id, context)
    return { job: await dependencies.tellJob(job) }
  }
}
