import { type ChildProcess, fork } from 'node:child_process'
import { randomUUID } from 'node:crypto'
import { once } from 'node:events'
import { type AddressInfo, createServer } from 'node:net'
import type { Client } from '@connectrpc/connect'
import { Pool, type QueryResultRow } from 'pg'
import { migrate } from '#kit/migrate.ts'
import { createRpcClient } from '#kit/rpc-client.ts'
import { createTestDatabase, type TestDatabase } from '#kit/testing/postgres.ts'
import { createTestTokens, type TestTokens } from '#kit/testing/tokens.ts'
import type { ServiceName } from '#kit/tokens.ts'
import { Permission } from '#proto/registrar/accesscontrol/v1/permission_pb.ts'
import { EnrollmentService } from '#proto/registrar/enrollment/v1/enrollment_service_pb.ts'
import { startTestCatalog, type TestCatalog, type TestProgram } from './catalog.ts'

export type EnrollmentClient = Client<typeof EnrollmentService>

/** The enrollment service's own process on a database of its own, beside a catalog that tests fill. */
export type TestEnrollment = {
  url: string
  tokens: TestTokens
  catalog: TestCatalog
  operator: EnrollmentClient
  worker: EnrollmentClient
  /** A client for a user, who from now on may do what is told; everything when nothing is. */
  as(username: string, user?: { permissions?: Permission[]; flags?: string[] }): EnrollmentClient
  /** Makes a program, Masters, with the runs `course-v1:Org+A+1` (external key `A-1`) and `course-v1:Org+B+1`; returns its key. */
  makeProgram(more?: Partial<TestProgram>): string
  uuidOf(programKey: string): string
  /** Runs a statement on the service's tables, for what no RPC tells. */
  sql<Row extends QueryResultRow>(statement: string, values?: unknown[]): Promise<Row[]>
  /** A transaction on the service's tables, of somebody who is slow. */
  begin(): Promise<{ sql(statement: string, values?: unknown[]): Promise<void>; rollback(): Promise<void> }>
  /** All that the process has written so far. */
  output(): string
  /** Ends the process at once; its tables can still be looked at. */
  kill(): Promise<void>
  stop(): Promise<void>
}

export const withExternalKey = 'course-v1:Org+A+1'
export const externalKey = 'A-1'
export const withoutExternalKey = 'course-v1:Org+B+1'

const folder = new URL('../../', import.meta.url)

export async function startTestEnrollment(
  options: { database?: TestDatabase; logLevel?: string; env?: Record<string, string> } = {},
): Promise<TestEnrollment> {
  const tokens = await createTestTokens()
  const database = options.database ?? (await createTestDatabase())
  await migrate(database.url, 'enrollment', new URL('migrations/', folder))
  const catalog = await startTestCatalog(tokens.config)
  const port = await findFreePort()
  const { child, output } = await startProcess({
    NODE_ENV: 'production',
    LOG_LEVEL: options.logLevel ?? 'error',
    ENROLLMENT_PORT: String(port),
    ENROLLMENT_DATABASE_URL: database.url,
    CATALOG_URL: catalog.url,
    JWT_ISSUER: tokens.config.issuer,
    JWT_AUDIENCE: tokens.config.audience,
    JWT_PUBLIC_SIGNING_JWK_SET: JSON.stringify(tokens.config.jwks),
    SERVICE_PUBLIC_KEY: JSON.stringify(tokens.servicePublicJwk),
    ...options.env,
  })
  const postgres = new Pool({ connectionString: database.url, options: '-c search_path=enrollment', max: 4 })
  postgres.on('error', () => {})
  const url = `http://127.0.0.1:${port}`
  const connect = (token: () => Promise<string>) =>
    createRpcClient(EnrollmentService, url, { token, timeoutMs: 60_000 })
  const asService = (name: ServiceName) => connect(() => tokens.mintService(name))
  return {
    url,
    tokens,
    catalog,
    output,
    operator: asService('operator'),
    worker: asService('jobs-worker'),
    as(
      username,
      { permissions = [Permission.READ_ENROLLMENTS, Permission.WRITE_ENROLLMENTS], flags = [] } = {},
    ) {
      catalog.users.set(username, { permissions, flags })
      return connect(() => tokens.mint({ preferred_username: username }))
    },
    makeProgram(more = {}) {
      const key = `program-${randomUUID()}`
      const runs = { [withExternalKey]: externalKey, [withoutExternalKey]: undefined }
      const ids = { uuid: randomUUID(), organizationId: randomUUID(), curriculumUuid: randomUUID() }
      catalog.programs.set(key, { ...ids, runs, ...more })
      return key
    },
    uuidOf: (programKey) => catalog.programs.get(programKey)?.uuid as string,
    async sql<Row extends QueryResultRow>(statement: string, values?: unknown[]) {
      return (await postgres.query<Row>(statement, values)).rows
    },
    async begin() {
      const client = await postgres.connect()
      await client.query('begin')
      return {
        async sql(statement, values) {
          await client.query(statement, values)
        },
        async rollback() {
          await client.query('rollback')
          client.release()
        },
      }
    },
    async kill() {
      child.kill('SIGKILL')
      await once(child, 'exit')
    },
    async stop() {
      if (child.exitCode === null && child.signalCode === null) {
        child.kill()
        await once(child, 'exit')
      }
      await postgres.end()
      await catalog.close()
      await database.drop()
    },
  }
}

async function startProcess(env: Record<string, string>): Promise<{ child: ChildProcess; output(): string }> {
  const child = fork(new URL('src/main.ts', folder), { env, execArgv: [], silent: true })
  const written: string[] = []
  for (const stream of [child.stdout, child.stderr]) {
    stream?.setEncoding('utf8').on('data', (text: string) => written.push(text))
  }
  const output = () => written.join('')
  const started = await Promise.race([once(child, 'message'), once(child, 'exit')])
  if (started[0] !== 'ready') throw new Error(`enrollment ended before it was ready: ${output()}`)
  return { child, output }
}

async function findFreePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  server.close()
  await once(server, 'close')
  return port
}
