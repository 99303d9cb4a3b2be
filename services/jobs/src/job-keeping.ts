import type { Logger } from '#kit/logger.ts'
import type { readJobsConfig } from './config.ts'
import { createJobStarter } from './job-starter.ts'
import { createJobWatcher } from './job-watcher.ts'
import { createReconciler } from './reconciler.ts'
import type { JobStore } from './store/job-store.ts'
import { createJobWorkflows } from './temporal/job-workflows.ts'
import { schedulesOf } from './temporal/schedule-list.ts'
import { keepSchedules } from './temporal/schedules.ts'

/** What the service does with jobs and their workflows, for its handlers and on its own. */
export function openJobKeeping(
  config: Awaited<ReturnType<typeof readJobsConfig>>,
  store: JobStore,
  logger: Logger,
) {
  const workflows = createJobWorkflows(config.temporal, { ...config, logger })
  const starter = createJobStarter(store, workflows, logger)
  const watcher = createJobWatcher(store, logger)
  const reconciler = createReconciler({ store, workflows, logger }, config)
  const background: { close(): Promise<void> }[] = [starter]
  return {
    parts: { store, workflows, starter, reconciler, watcher, logger },
    /** Begins what goes on without being asked: jobs are compared with their workflows, schedules are kept. */
    start(): void {
      background.push(reconciler.run(), keepSchedules(config.temporal, schedulesOf(config), logger))
    },
    async close(): Promise<void> {
      await Promise.all(background.map((each) => each.close()))
      await workflows.close()
    },
  }
}
