import { openDatabase } from '#kit/database.ts'
import { run } from '#kit/lifecycle.ts'
import { assertMigrated } from '#kit/migrate.ts'
import { closeRpcConnections, createRpcClient } from '#kit/rpc-client.ts'
import { startRpcServer } from '#kit/rpc-server.ts'
import { createTokenVerifier } from '#kit/tokens.ts'
import { AccessControlService } from '#proto/registrar/accesscontrol/v1/access_control_service_pb.ts'
import { CatalogService } from '#proto/registrar/catalog/v1/catalog_service_pb.ts'
import { JobsService } from '#proto/registrar/jobs/v1/jobs_service_pb.ts'
import { readJobsConfig } from './config.ts'
import { createJobStarter } from './job-starter.ts'
import { createJobWatcher } from './job-watcher.ts'
import { largestMessageBytes } from './posted-outcomes.ts'
import { createReconciler } from './reconciler.ts'
import { routeJobs } from './routes.ts'
import { openStorage } from './storage/open-storage.ts'
import { createJobStore } from './store/job-store.ts'
import { createJobWorkflows } from './temporal/job-workflows.ts'
import { schedulesOf } from './temporal/schedule-list.ts'
import { keepSchedules } from './temporal/schedules.ts'

await run('jobs', async ({ env, logger }) => {
  const config = await readJobsConfig(env)
  const database = openDatabase(config.database.url, 'jobs', logger, config.database)
  await assertMigrated(database, new URL('../migrations/', import.meta.url))
  const store = createJobStore(database)
  const workflows = createJobWorkflows(config.temporal, { ...config, logger })
  const starter = createJobStarter(store, workflows, logger)
  const watcher = createJobWatcher(store, logger)
  const reconciler = createReconciler({ store, workflows, logger }, config)
  const { storage, createLinks, ...opened } = await openStorage(config.storage)
  const dependencies = {
    ...{ store, storage, workflows, starter, reconciler, watcher, logger },
    catalog: createRpcClient(CatalogService, config.peers.catalog),
    accessControl: createRpcClient(AccessControlService, config.peers['access-control']),
    links: createLinks(config.links),
    ...{ linkSecret: config.links.secret, bucket: config.storage.bucket, reports: config.reports },
  }
  const server = await startRpcServer({
    ...{ name: config.name, ...config.listen },
    routes: (router) => routeJobs(router, dependencies),
    services: [JobsService],
    readMaxBytes: largestMessageBytes,
    verifier: createTokenVerifier(config.jwt),
    logger,
    isReady: () => database.authenticate().then(() => true),
  })
  const background = [reconciler.run(), starter, keepSchedules(config.temporal, schedulesOf(config), logger)]
  return {
    async close() {
      watcher.close()
      await server.close()
      await Promise.all(background.map((each) => each.close()))
      await workflows.close()
      opened.close()
      closeRpcConnections()
      await database.close()
    },
  }
})
