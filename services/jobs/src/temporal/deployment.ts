import type { WorkerDeploymentOptions } from '@temporalio/worker'
import { optionalText, text } from '#kit/settings.ts'
import { taskQueue } from './names.ts'

/** The settings that say which build a worker is; without a build id Temporal does not tell workers apart. */
export const deploymentSpecs = {
  TEMPORAL_WORKER_BUILD_ID: optionalText('a name for the build of this worker, such as a commit'),
  TEMPORAL_WORKER_DEPLOYMENT_NAME: text('a name for all builds of the worker', taskQueue),
}

/**
 * A worker with a build id gets work when an operator has made its build the current one. Jobs go over to that build with their next
 * step: stored histories in the tests hold that every build reads the jobs of those before, and no job waits for a worker that is
 * gone.
 */
export function readDeployment(settings: {
  TEMPORAL_WORKER_BUILD_ID: string | undefined
  TEMPORAL_WORKER_DEPLOYMENT_NAME: string | undefined
}): WorkerDeploymentOptions | undefined {
  const { TEMPORAL_WORKER_BUILD_ID: buildId, TEMPORAL_WORKER_DEPLOYMENT_NAME: name } = settings
  if (buildId === undefined) return undefined
  return {
    version: { buildId, deploymentName: name ?? taskQueue },
    useWorkerVersioning: true,
    defaultVersioningBehavior: 'AUTO_UPGRADE',
  }
}
