import { openDatabase } from '#kit/database.ts'
import { databaseChecks } from '#kit/database-checks.ts'
import { run } from '#kit/lifecycle.ts'
import { untilMigrated } from '#kit/migrate.ts'
import { closeRpcConnections, createRpcClient } from '#kit/rpc-client.ts'
import { startRpcServer } from '#kit/rpc-server.ts'
import { createTokenVerifier } from '#kit/tokens.ts'
import { AccessControlService } from '#proto/registrar/accesscontrol/v1/access_control_service_pb.ts'
import { CatalogService } from '#proto/registrar/catalog/v1/catalog_service_pb.ts'
import { JobsService } from '#proto/registrar/jobs/v1/jobs_service_pb.ts'
import { readJobsConfig } from './config.ts'
import { openJobKeeping } from './job-keeping.ts'
import { countEndings } from './metrics/ended-jobs.ts'
import { exposeOpenJobs } from './metrics/open-jobs.ts'
import { largestMessageBytes } from './posted-outcomes.ts'
import { routeJobs } from './routes.ts'
import { openStorage } from './storage/open-storage.ts'
import { createJobStore } from './store/job-store.ts'

const migrations = new URL('../migrations/', import.meta.url)

await run('jobs', async ({ env, logger, metrics }) => {
  const config = await readJobsConfig(env)
  const database = openDatabase(config.database.url, 'jobs', logger, { ...config.database, metrics })
  await untilMigrated(database, migrations, logger)
  const store = countEndings(metrics, createJobStore(database))
  exposeOpenJobs(metrics, store)
  const keeping = openJobKeeping(config, store, logger)
  const { storage, createLinks, ...opened } = await openStorage(config.storage, metrics)
  const calling = { tls: config.tls, metrics }
  const dependencies = {
    ...{ ...keeping.parts, storage },
    catalog: createRpcClient(CatalogService, config.peers.catalog, calling),
    accessControl: createRpcClient(AccessControlService, config.peers['access-control'], calling),
    links: createLinks(config.links),
    ...{ linkSecret: config.links.secret, bucket: config.storage.bucket, reports: config.reports },
  }
  const server = await startRpcServer({
    ...{ name: config.name, ...config.listen },
    routes: (router) => routeJobs(router, dependencies),
    services: [JobsService],
    readMaxBytes: largestMessageBytes,
    ...{ verifier: createTokenVerifier(config.jwt), logger, metrics },
    isReady: () => database.authenticate().then(() => true),
  })
  keeping.start()
  return {
    leave: server.leave,
    async close() {
      keeping.parts.watcher.close()
      await server.close()
      await keeping.close()
      opened.close()
      closeRpcConnections()
      await database.close()
    },
    checks: databaseChecks(database, migrations),
  }
})
