import './heap-limits.ts'
import { Worker } from '@temporalio/worker'
import { openDatabase } from '#kit/database.ts'
import { databaseChecks } from '#kit/database-checks.ts'
import { run } from '#kit/lifecycle.ts'
import { untilMigrated } from '#kit/migrate.ts'
import { closeRpcConnections, createRpcClient } from '#kit/rpc-client.ts'
import { createServiceTokenIssuer } from '#kit/tokens.ts'
import { isTracing } from '#kit/tracing.ts'
import { CatalogService } from '#proto/registrar/catalog/v1/catalog_service_pb.ts'
import { EnrollmentService } from '#proto/registrar/enrollment/v1/enrollment_service_pb.ts'
import { createActivities } from './activities/index.ts'
import { readWorkerConfig } from './config.ts'
import { countEndings } from './metrics/ended-jobs.ts'
import { countRows } from './metrics/rows.ts'
import { openStorage } from './storage/open-storage.ts'
import { createJobStore } from './store/job-store.ts'
import { stickyTimeoutMs, taskQueue } from './temporal/names.ts'
import { createPayloadCodecs } from './temporal/payload-codec.ts'
import { traceWork } from './temporal/tracing.ts'
import { connectWorker, installRuntime, temporalChecks } from './temporal/worker-runtime.ts'
import { loadWorkflowBundle } from './temporal/workflow-bundle.ts'

const migrations = new URL('../migrations/', import.meta.url)

await run('jobs-worker', async ({ env, logger, metrics }) => {
  const config = await readWorkerConfig(env)
  await installRuntime(logger, metrics)
  const database = openDatabase(config.database.url, 'jobs', logger, { ...config.database, metrics })
  await untilMigrated(database, migrations, logger)
  const { privateJwk } = config.serviceKey
  const calling = {
    ...{ tls: config.tls, metrics, token: createServiceTokenIssuer(privateJwk, 'jobs-worker') },
    // Temporal tries again by itself, and shows it.
    patienceMs: 1_000,
  }
  const operating = { ...calling, token: createServiceTokenIssuer(privateJwk, 'operator') }
  const [connection, workflowBundle] = await Promise.all([
    connectWorker(config.temporal, logger),
    loadWorkflowBundle(config.dataDir, { isTraced: isTracing() }),
  ])
  const opened = await openStorage(config.storage, metrics)
  const activities = createActivities({
    catalog: createRpcClient(CatalogService, config.peers.catalog, calling),
    operatorCatalog: createRpcClient(CatalogService, config.peers.catalog, operating),
    enrollment: createRpcClient(EnrollmentService, config.peers.enrollment, calling),
    store: countEndings(metrics, createJobStore(database)),
    storage: opened.storage,
    bucket: config.storage.bucket,
    limits: config.limits,
    logger,
  })
  const worker = await Worker.create({
    connection,
    namespace: config.temporal.namespace,
    taskQueue,
    workflowBundle,
    dataConverter: { payloadCodecs: createPayloadCodecs(config.temporal.codecKeys) },
    ...(await traceWork()),
    ...(config.deployment !== undefined && { workerDeploymentOptions: config.deployment }),
    activities: countRows(metrics, activities),
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
    checks: { ...databaseChecks(database, migrations), ...temporalChecks(worker, connection) },
  }
})
