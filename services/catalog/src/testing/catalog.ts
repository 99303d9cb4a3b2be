import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import { type AddressInfo, createServer } from 'node:net'
import { type Client, createClient } from '@connectrpc/connect'
import { createConnectTransport } from '@connectrpc/connect-node'
import { Client as PostgresClient } from 'pg'
import { migrate } from '#kit/migrate.ts'
import { createRpcClient } from '#kit/rpc-client.ts'
import { createTestDatabase } from '#kit/testing/postgres.ts'
import { createTestTokens, type TestTokens } from '#kit/testing/tokens.ts'
import type { ServiceName } from '#kit/tokens.ts'
import { CatalogService } from '#proto/registrar/catalog/v1/catalog_service_pb.ts'
import { startTestAccessControl, type TestAccessControl, type TestUser } from './access-control.ts'

type CatalogClient = Client<typeof CatalogService>

/** The catalog's own process on a database of its own, beside an access-control that tests fill. */
export type TestCatalog = {
  url: string
  tokens: TestTokens
  accessControl: TestAccessControl
  operator: CatalogClient
  worker: CatalogClient
  /** A client for a user, who from now on is as told. */
  as(username: string, user?: TestUser): CatalogClient
  /** Makes an organization and returns its id. */
  makeOrganization(key: string): Promise<string>
  /** Makes a program in it and returns its id. */
  makeProgram(key: string, organizationKey: string, more?: { title?: string; type?: string }): Promise<string>
  /** Runs a statement on the catalog's tables, for what no RPC makes. */
  sql<Row extends object>(statement: string, values?: unknown[]): Promise<Row[]>
  /** Makes it so much later for what is known of programs. */
  passSeconds(seconds: number): Promise<void>
  /** Another process of the same catalog; it ends with this one if not before. */
  startTwin(): Promise<{ operator: CatalogClient; stop(): Promise<void> }>
  stop(): Promise<void>
}

const folder = new URL('../../', import.meta.url)

/** `settings` are added to those that the process gets. */
export async function startTestCatalog(settings: Record<string, string> = {}): Promise<TestCatalog> {
  const tokens = await createTestTokens()
  const database = await createTestDatabase()
  await migrate(database.url, 'catalog', new URL('migrations/', folder))
  const accessControl = await startTestAccessControl(tokens.config)
  const env = {
    NODE_ENV: 'production',
    LOG_LEVEL: 'error',
    CATALOG_DATABASE_URL: database.url,
    ACCESS_CONTROL_URL: accessControl.url,
    JWT_ISSUER: tokens.config.issuer,
    JWT_AUDIENCE: tokens.config.audience,
    JWT_PUBLIC_SIGNING_JWK_SET: JSON.stringify(tokens.config.jwks),
    SERVICE_PUBLIC_KEY: JSON.stringify(tokens.servicePublicJwk),
    ...settings,
  }
  const main = await startProcess(env)
  const children = [main.child]
  const postgres = new PostgresClient({ connectionString: database.url, options: '-c search_path=catalog' })
  await postgres.connect()
  const { url } = main
  const connect = (token: () => Promise<string>) => createRpcClient(CatalogService, url, { token })
  const asService = (name: ServiceName) => connect(() => tokens.mintService(name))
  const operator = asService('operator')
  return {
    url,
    tokens,
    accessControl,
    operator,
    worker: asService('jobs-worker'),
    as(username, user = {}) {
      accessControl.users.set(username, user)
      return connect(() => tokens.mint({ preferred_username: username }))
    },
    async makeOrganization(key) {
      const { organization } = await operator.createOrganization({ key })
      return organization?.id as string
    },
    async makeProgram(key, organizationKey, more = {}) {
      const { program } = await operator.createProgram({ key, organizationKey, ...more })
      return program?.id as string
    },
    async sql<Row extends object>(statement: string, values?: unknown[]) {
      const { rows } = await postgres.query<Row>(statement, values)
      return rows
    },
    async passSeconds(seconds) {
      const earlier = ['fetched_at', 'failed_at', 'claimed_until'].map(
        (name) => `${name} = ${name} - make_interval(secs => $1)`,
      )
      await postgres.query(`update program_details set ${earlier.join(', ')}`, [seconds])
    },
    async startTwin() {
      const twin = await startProcess(env)
      children.push(twin.child)
      const token = () => tokens.mintService('operator')
      return {
        operator: createRpcClient(CatalogService, twin.url, { token }),
        stop: () => stopProcess(twin.child),
      }
    },
    async stop() {
      await Promise.all(children.map(stopProcess))
      await postgres.end()
      await accessControl.close()
      await database.drop()
    },
  }
}

/** A client without a token, for calls that bring their own. */
export function connectAnonymously(url: string): CatalogClient {
  return createClient(CatalogService, createConnectTransport({ baseUrl: url, httpVersion: '2' }))
}

async function startProcess(env: Record<string, string>): Promise<{ child: ChildProcess; url: string }> {
  const port = await findFreePort()
  const main = new URL('src/main.ts', folder)
  const child = fork(main, { env: { ...env, CATALOG_PORT: String(port) }, execArgv: [] })
  const started = await Promise.race([once(child, 'message'), once(child, 'exit')])
  if (started[0] !== 'ready') throw new Error(`the catalog ended before it was ready (code ${started[0]})`)
  return { child, url: `http://127.0.0.1:${port}` }
}

async function stopProcess(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return
  const ended = once(child, 'exit')
  child.kill()
  await ended
}

async function findFreePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  server.close()
  await once(server, 'close')
  return port
}
