import './heap-limits.ts'
import { Worker } from '@temporalio/worker'
import { openDatabase } from '#kit/database.ts'
import { run } from '#kit/lifecycle.ts'
import { assertMigrated } from '#kit/migrate.ts'
import { closeRpcConnections, createRpcClient } from '#kit/rpc-client.ts'
import { createServiceTokenIssuer } from '#kit/tokens.ts'
import { CatalogService } from '#proto/registrar/catalog/v1/catalog_service_pb.ts'
import { EnrollmentService } from '#proto/registrar/enrollment/v1/enrollment_service_pb.ts'
import { createActivities } from './activities/index.ts'
import { readWorkerConfig } from './config.ts'
import { openStorage } from './storage/open-storage.ts'
import { createJobStore } from './store/job-store.ts'
import { stickyTimeoutMs, taskQueue } from './temporal/names.ts'
import { createPayloadCodecs } from './temporal/payload-codec.ts'
import { connectWorker, installRuntime } from './temporal/worker-runtime.ts'
import { loadWorkflowBundle } from './temporal/workflow-bundle.ts'

await run('jobs-worker', async ({ env, logger }) => {
  const config = await readWorkerConfig(env)
  installRuntime(logger)
  const database = openDatabase(config.database.url, 'jobs', logger, config.database)
  await assertMigrated(database, new URL('../migrations/', import.meta.url))
  const { privateJwk } = config.serviceKey
  const token = createServiceTokenIssuer(privateJwk, 'jobs-worker')
  const operatorToken = createServiceTokenIssuer(privateJwk, 'operator')
  const [connection, workflowBundle] = await Promise.all([
    connectWorker(config.temporal, logger),
    loadWorkflowBundle(config.dataDir),
  ])
  const opened = await openStorage(config.storage)
  const worker = await Worker.create({
    connection,
    namespace: config.temporal.namespace,
    taskQueue,
    workflowBundle,
    dataConverter: { payloadCodecs: createPayloadCodecs(config.temporal.codecKeys) },
    ...(config.deployment !== undefined && { workerDeploymentOptions: config.deployment }),
    activities: createActivities({
      catalog: createRpcClient(CatalogService, config.peers.catalog, { token }),
      operatorCatalog: createRpcClient(CatalogService, config.peers.catalog, { token: operatorToken }),
      enrollment: createRpcClient(EnrollmentService, config.peers.enrollment, { token }),
      store: createJobStore(database),
      storage: opened.storage,
      bucket: config.storage.bucket,
      limits: config.limits,
      logger,
    }),
    maxConcurrentLocalActivityExecutions: config.concurrency,
    maxConcurrentActivityTaskExecutions: config.concurrency,
    maxConcurrentWorkflowTaskExecutions: config.concurrency * 2,
    maxCachedWorkflows: config.concurrency * 10,
    stickyQueueScheduleToStartTimeout: stickyTimeoutMs,
    // A cancellation reaches an activity with the answer to its heartbeat.
    maxHeartbeatThrottleInterval: '1 second',
    shutdownGraceTime: '3 seconds',
    shutdownForceTime: '8 seconds',
  })
  // Should it end by itself, nobody catches that and the process ends with it.
  const ended = worker.run()
  return {
    async close() {
      if (worker.getState() === 'RUNNING') worker.shutdown()
      await ended
      await connection.close()
      opened.close()
      closeRpcConnections()
      await database.close()
    },
  }
})
