import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import { createServer } from 'node:net'
import { fileURLToPath } from 'node:url'
import type { Client } from '@connectrpc/connect'
import { migrate } from '#kit/migrate.ts'
import { createRpcClient } from '#kit/rpc-client.ts'
import { createTestDatabase, type TestDatabase } from '#kit/testing/postgres.ts'
import { createTestTokens, type TestTokens } from '#kit/testing/tokens.ts'
import { AccessControlService } from '#proto/registrar/accesscontrol/v1/access_control_service_pb.ts'

export type AccessControlClient = Client<typeof AccessControlService>

/** The service as its own process, on a database of its own. */
export type TestService = {
  databaseUrl: string
  /** A client with a token for this user; `claims` are added to the token. */
  asUser(username: string, claims?: Record<string, unknown>): AccessControlClient
  asService(name: 'operator' | 'jobs-worker'): AccessControlClient
  operator: AccessControlClient
  stop(): Promise<void>
}

const main = fileURLToPath(new URL('../main.ts', import.meta.url))
const migrations = new URL('../../migrations/', import.meta.url)

export async function startService(): Promise<TestService> {
  const [database, tokens, port] = await Promise.all([
    createTestDatabase(),
    createTestTokens(),
    findFreePort(),
  ])
  await migrate(database.url, 'access_control', migrations)
  const child = launch(serviceEnv(database, tokens, port))
  child.stderr?.pipe(process.stderr)
  await Promise.race([
    once(child, 'message'),
    once(child, 'exit').then(() => Promise.reject(new Error('access-control did not start'))),
  ])
  const connect = (token: () => Promise<string>) =>
    createRpcClient(AccessControlService, `http://127.0.0.1:${port}`, { token })
  const asService = (name: 'operator' | 'jobs-worker') => connect(() => tokens.mintService(name))
  return {
    databaseUrl: database.url,
    asUser: (username, claims) => {
      const token = tokens.mint({ preferred_username: username, ...claims })
      return connect(() => token)
    },
    asService,
    operator: asService('operator'),
    async stop() {
      const ended = once(child, 'exit')
      child.kill('SIGTERM')
      const [code] = await ended
      await database.drop()
      if (code !== 0) throw new Error(`access-control ended with exit code ${code}`)
    },
  }
}

/** Starts `main.ts` with just this environment, and an IPC channel on which it says that it is ready. */
export function launch(env: Record<string, string>): ChildProcess {
  return fork(main, {
    env: { PATH: process.env.PATH, ...env },
    execArgv: [],
    stdio: ['ignore', 'inherit', 'pipe', 'ipc'],
  })
}

/** All that a process of this service needs in production. */
export function serviceEnv(
  { url }: Pick<TestDatabase, 'url'>,
  { config, servicePublicJwk }: TestTokens,
  port: number,
): Record<string, string> {
  return {
    NODE_ENV: 'production',
    LOG_LEVEL: 'error',
    ACCESS_CONTROL_PORT: String(port),
    DATABASE_URL: url,
    JWT_ISSUER: config.issuer,
    JWT_AUDIENCE: config.audience,
    JWT_PUBLIC_SIGNING_JWK_SET: JSON.stringify(config.jwks),
    SERVICE_PUBLIC_KEY: JSON.stringify(servicePublicJwk),
  }
}

export async function findFreePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const address = server.address()
  server.close()
  await once(server, 'close')
  if (address === null || typeof address === 'string') throw new Error('no port')
  return address.port
}
