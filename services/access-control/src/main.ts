import { openDatabase } from '#kit/database.ts'
import { run } from '#kit/lifecycle.ts'
import { assertMigrated } from '#kit/migrate.ts'
import { startRpcServer } from '#kit/rpc-server.ts'
import { createTokenVerifier } from '#kit/tokens.ts'
import { AccessControlService } from '#proto/registrar/accesscontrol/v1/access_control_service_pb.ts'
import { readAccessControlConfig } from './config.ts'
import { createRoutes } from './routes.ts'
import { createCallerStore } from './store/caller-store.ts'
import { createFlagStore } from './store/flag-store.ts'
import { createGrantStore } from './store/grant-store.ts'
import { createGroupStore } from './store/group-store.ts'
import { createMembershipStore } from './store/membership-store.ts'
import { defineModels } from './store/models.ts'
import { createUserStore } from './store/user-store.ts'

const migrations = new URL('../migrations/', import.meta.url)

await run('access-control', async ({ env, logger }) => {
  const config = await readAccessControlConfig(env)
  const database = openDatabase(config.database.url, 'access_control', logger, config.database)
  await assertMigrated(database, migrations)
  const models = defineModels(database)

  const routes = createRoutes({
    callers: createCallerStore(database),
    users: createUserStore(database, models),
    groups: createGroupStore(database, models),
    memberships: createMembershipStore(database),
    grants: createGrantStore(database),
    flags: createFlagStore(database),
  })

  const server = await startRpcServer({
    name: config.name,
    ...config.listen,
    services: [AccessControlService],
    routes,
    verifier: createTokenVerifier(config.jwt),
    logger,
    isReady: () => database.authenticate().then(() => true),
  })
  return {
    async close() {
      await server.close()
      await database.close()
    },
  }
})
