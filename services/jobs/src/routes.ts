import type { Client, ConnectRouter } from '@connectrpc/connect'
import type { Logger } from '#kit/logger.ts'
import type { AccessControlService } from '#proto/registrar/accesscontrol/v1/access_control_service_pb.ts'
import type { CatalogService } from '#proto/registrar/catalog/v1/catalog_service_pb.ts'
import { JobsService } from '#proto/registrar/jobs/v1/jobs_service_pb.ts'
import { createFindVisibleJob } from './find-job.ts'
import { cancelJob } from './handlers/cancel-job.ts'
import { createReadJob } from './handlers/create-read-job.ts'
import { createUploadJob } from './handlers/create-upload-job.ts'
import { getJob } from './handlers/get-job.ts'
import { getJobResult } from './handlers/get-job-result.ts'
import { listJobs } from './handlers/list-jobs.ts'
import { listReports } from './handlers/list-reports.ts'
import { postJobFailure } from './handlers/post-job-failure.ts'
import { postJobSuccess } from './handlers/post-job-success.ts'
import { purgeJobs } from './handlers/purge-jobs.ts'
import { readSignedObject } from './handlers/read-signed-object.ts'
import { watchJob } from './handlers/watch-job.ts'
import type { JobStarter } from './job-starter.ts'
import type { JobWatcher } from './job-watcher.ts'
import { createTellJob } from './messages.ts'
import type { Reconciler } from './reconciler.ts'
import type { ObjectLinks, Storage } from './storage/storage.ts'
import type { JobStore } from './store/job-store.ts'
import type { JobWorkflows } from './temporal/job-workflows.ts'
import { createIdentifyViewer } from './viewers.ts'

export type Dependencies = {
  catalog: Client<typeof CatalogService>
  accessControl: Client<typeof AccessControlService>
  store: JobStore
  storage: Storage
  links: ObjectLinks
  linkSecret: string
  workflows: JobWorkflows
  starter: JobStarter
  reconciler: Reconciler
  watcher: JobWatcher
  logger: Logger
  /** Where results and uploads lie. */
  bucket: string
  reports: { bucket: string; folder: string }
}

export function routeJobs(router: ConnectRouter, dependencies: Dependencies): void {
  const identifyViewer = createIdentifyViewer(dependencies.accessControl)
  const shared = {
    ...dependencies,
    identifyViewer,
    findVisibleJob: createFindVisibleJob(dependencies.store, identifyViewer),
    tellJob: createTellJob(dependencies.links, dependencies.bucket),
  }
  router.service(JobsService, {
    createReadJob: createReadJob(shared),
    createUploadJob: createUploadJob(shared),
    getJob: getJob(shared),
    listJobs: listJobs(shared),
    cancelJob: cancelJob(shared),
    getJobResult: getJobResult(shared),
    watchJob: watchJob(shared),
    postJobSuccess: postJobSuccess(shared),
    postJobFailure: postJobFailure(shared),
    purgeJobs: purgeJobs(shared),
    readSignedObject: readSignedObject(shared),
    listReports: listReports(shared),
  })
}
