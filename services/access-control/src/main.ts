import { openDatabase } from '#kit/database.ts'
import { databaseChecks } from '#kit/database-checks.ts'
import { run } from '#kit/lifecycle.ts'
import { untilMigrated } from '#kit/migrate.ts'
import { startRpcServer } from '#kit/rpc-server.ts'
import { createTokenVerifier } from '#kit/tokens.ts'
import { AccessControlService } from '#proto/registrar/accesscontrol/v1/access_control_service_pb.ts'
import { readAccessControlConfig } from './config.ts'
import { createRoutes } from './routes.ts'
import { createAuditStore } from './store/audit-store.ts'
import { createCallerStore } from './store/caller-store.ts'
import { createFlagStore } from './store/flag-store.ts'
import { createGrantStore } from './store/grant-store.ts'
import { createGroupStore } from './store/group-store.ts'
import { createMembershipStore } from './store/membership-store.ts'
import { defineModels } from './store/models.ts'
import { createUserStore } from './store/user-store.ts'

const migrations = new URL('../migrations/', import.meta.url)

await run('access-control', async ({ env, logger, metrics }) => {
  const config = await readAccessControlConfig(env)
  const database = openDatabase(config.database.url, 'access_control', logger, {
    ...config.database,
    metrics,
  })
  await untilMigrated(database, migrations, logger)
  const models = defineModels(database)

  const routes = createRoutes({
    callers: createCallerStore(database),
    users: createUserStore(database, models),
    groups: createGroupStore(database, models),
    memberships: createMembershipStore(database),
    grants: createGrantStore(database),
    flags: createFlagStore(database),
    audit: createAuditStore(database),
  })

  const server = await startRpcServer({
    name: config.name,
    ...config.listen,
    services: [AccessControlService],
    routes,
    verifier: createTokenVerifier(config.jwt),
    ...{ logger, metrics },
    isReady: () => database.authenticate().then(() => true),
  })
  return {
    leave: server.leave,
    async close() {
      await server.close()
      await database.close()
    },
    checks: databaseChecks(database, migrations),
  }
})
