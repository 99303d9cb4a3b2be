import { databaseChecks } from '#kit/database-checks.ts'
import { run } from '#kit/lifecycle.ts'
import { untilMigrated } from '#kit/migrate.ts'
import { closeRpcConnections, createRpcClient } from '#kit/rpc-client.ts'
import { startRpcServer } from '#kit/rpc-server.ts'
import { createTokenVerifier } from '#kit/tokens.ts'
import { CatalogService } from '#proto/registrar/catalog/v1/catalog_service_pb.ts'
import { EnrollmentService } from '#proto/registrar/enrollment/v1/enrollment_service_pb.ts'
import { chooseBackend } from './backends/choose-backend.ts'
import { createProgramFinder } from './clients/catalog.ts'
import { readEnrollmentConfig } from './config.ts'
import { routeEnrollment } from './routes.ts'
import { createAuditStore } from './store/audit-store.ts'
import { openEnrollmentDatabase } from './store/database.ts'
import { createAnswerStore } from './store/remembered-answers.ts'

const migrations = new URL('../migrations/', import.meta.url)

await run('enrollment', async ({ env, logger, metrics }) => {
  const config = await readEnrollmentConfig(env)
  const { url: databaseUrl, poolSize } = config.database
  const database = openEnrollmentDatabase(databaseUrl, logger, { poolSize, metrics })
  await untilMigrated(database, migrations, logger)
  const { backend, close: closeBackend } = chooseBackend(config, database, { logger, metrics })
  const dependencies = {
    catalog: createProgramFinder(
      createRpcClient(CatalogService, config.peers.catalog, { tls: config.tls, metrics }),
    ),
    backend,
    answers: createAnswerStore(database),
    audit: createAuditStore(database),
    logger,
  }
  const server = await startRpcServer({
    name: config.name,
    ...config.listen,
    routes: (router) => routeEnrollment(router, dependencies),
    services: [EnrollmentService],
    verifier: createTokenVerifier(config.jwt),
    ...{ logger, metrics },
    isReady: async () => {
      await database.authenticate()
      return true
    },
  })
  return {
    leave: server.leave,
    async close() {
      await server.close()
      closeRpcConnections()
      await closeBackend()
      await database.close()
    },
    checks: databaseChecks(database, migrations),
  }
})
