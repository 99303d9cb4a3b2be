import type { FindVisibleJob } from '../find-job.ts'
import type { JobWatcher } from '../job-watcher.ts'
import type { TellJob } from '../messages.ts'
import type { Rpc } from '../rpc.ts'

export type WatchJobDependencies = { findVisibleJob: FindVisibleJob; tellJob: TellJob; watcher: JobWatcher }

export function watchJob({ findVisibleJob, tellJob, watcher }: WatchJobDependencies): Rpc<'watchJob'> {
  return async function* ({ id }, context) {
    const { job } = await findVisibleJob(id, context)
    yield { job: await tellJob(job) }
    for await (const changed of watcher.watch(job, context.signal)) yield { job: await tellJob(changed) }
  }
}
