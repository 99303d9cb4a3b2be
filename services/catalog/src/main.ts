import { openDatabase } from '#kit/database.ts'
import { databaseChecks } from '#kit/database-checks.ts'
import { run } from '#kit/lifecycle.ts'
import { untilMigrated } from '#kit/migrate.ts'
import { closeRpcConnections, createRpcClient } from '#kit/rpc-client.ts'
import { startRpcServer } from '#kit/rpc-server.ts'
import { createTokenVerifier } from '#kit/tokens.ts'
import { AccessControlService } from '#proto/registrar/accesscontrol/v1/access_control_service_pb.ts'
import { CatalogService } from '#proto/registrar/catalog/v1/catalog_service_pb.ts'
import { createAccessControl } from './clients/access-control.ts'
import { readCatalogConfig } from './config.ts'
import { openDetailsSource } from './details-source.ts'
import { routeCatalog } from './routes.ts'
import { createCourseRunStore } from './store/course-runs.ts'
import { createDiscoveryCatalogStore } from './store/discovery-catalog.ts'
import { bindModels } from './store/models.ts'
import { createOrganizationStore } from './store/organizations.ts'
import { createProgramStore } from './store/programs.ts'

const migrations = new URL('../migrations/', import.meta.url)

await run('catalog', async ({ env, logger, metrics }) => {
  const config = await readCatalogConfig(env)
  const { url: databaseUrl, poolSize } = config.database
  const database = openDatabase(databaseUrl, 'catalog', logger, { poolSize, metrics })
  await untilMigrated(database, migrations, logger)
  bindModels(database)
  const { discovery: upstream, freshSeconds } = config
  const now = () => new Date()
  const source = openDetailsSource({ database, upstream, freshSeconds, now, logger, metrics })
  const dependencies = {
    ...source,
    organizations: createOrganizationStore(),
    programs: createProgramStore(database, source.momentsNow),
    courseRuns: createCourseRunStore(database),
    discoveryCatalog: createDiscoveryCatalogStore(database),
    accessControl: createAccessControl(
      createRpcClient(AccessControlService, config.peers['access-control'], { tls: config.tls, metrics }),
      config.grantsForMs,
    ),
  }
  const server = await startRpcServer({
    name: config.name,
    ...config.listen,
    routes: (router) => routeCatalog(router, dependencies),
    services: [CatalogService],
    ...{ verifier: createTokenVerifier(config.jwt), logger, metrics },
    isReady: () => database.authenticate().then(() => true),
  })
  return {
    leave: server.leave,
    async close() {
      await server.close()
      await source.close()
      closeRpcConnections()
      await database.close()
    },
    checks: databaseChecks(database, migrations),
  }
})
