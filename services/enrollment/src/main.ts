import { run } from '#kit/lifecycle.ts'
import { assertMigrated } from '#kit/migrate.ts'
import { closeRpcConnections, createRpcClient } from '#kit/rpc-client.ts'
import { startRpcServer } from '#kit/rpc-server.ts'
import { createTokenVerifier } from '#kit/tokens.ts'
import { CatalogService } from '#proto/registrar/catalog/v1/catalog_service_pb.ts'
import { EnrollmentService } from '#proto/registrar/enrollment/v1/enrollment_service_pb.ts'
import { chooseBackend } from './backends/choose-backend.ts'
import { createProgramFinder } from './clients/catalog.ts'
import { readEnrollmentConfig } from './config.ts'
import { routeEnrollment } from './routes.ts'
import { openEnrollmentDatabase } from './store/database.ts'
import { createAnswerStore } from './store/remembered-answers.ts'

await run('enrollment', async ({ env, logger }) => {
  const config = await readEnrollmentConfig(env)
  const { url: databaseUrl, poolSize } = config.database
  const database = openEnrollmentDatabase(databaseUrl, logger, { poolSize })
  await assertMigrated(database, new URL('../migrations/', import.meta.url))
  const { backend, close: closeBackend } = chooseBackend(config, database, logger)
  const dependencies = {
    catalog: createProgramFinder(createRpcClient(CatalogService, config.peers.catalog)),
    backend,
    answers: createAnswerStore(database),
    logger,
  }
  const server = await startRpcServer({
    name: config.name,
    ...config.listen,
    routes: (router) => routeEnrollment(router, dependencies),
    services: [EnrollmentService],
    verifier: createTokenVerifier(config.jwt),
    logger,
    isReady: async () => {
      await database.authenticate()
      return true
    },
  })
  return {
    async close() {
      await server.close()
      closeRpcConnections()
      await closeBackend()
      await database.close()
    },
  }
})
