import { type ChildProcess, fork } from 'node:child_process'
import { randomUUID } from 'node:crypto'
import { once } from 'node:events'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Client } from '@connectrpc/connect'
import { Client as PostgresClient } from 'pg'
import { migrate } from '#kit/migrate.ts'
import { createRpcClient } from '#kit/rpc-client.ts'
import { createTestDatabase } from '#kit/testing/postgres.ts'
import { createTestTokens, type TestTokens } from '#kit/testing/tokens.ts'
import { Permission } from '#proto/registrar/accesscontrol/v1/permission_pb.ts'
import { type Job, JobState } from '#proto/registrar/jobs/v1/job_pb.ts'
import { JobsService } from '#proto/registrar/jobs/v1/jobs_service_pb.ts'
import { findFreePorts } from '#stack/ports.ts'
import { startTestPeers, type TestPeers, type TestUser } from './peers.ts'
import { startTestTemporal, type TestTemporal } from './temporal.ts'

export type JobsClient = Client<typeof JobsService>

/** The service and its worker, each in its own process, on a real PostgreSQL and a real Temporal; the other services are `peers`. */
export type TestStack = {
  url: string
  mediaDir: string
  tokens: TestTokens
  peers: TestPeers
  temporal: TestTemporal
  operator: JobsClient
  /** A client for a user, who from now on is as told and may do everything on every program unless told otherwise. */
  as(username: string, user?: Partial<TestUser>, serviceUrl?: string): JobsClient
  /** The worker that runs now. */
  worker(): ChildProcess
  startWorker(env?: Record<string, string>): Promise<ChildProcess>
  /** Starts one more service; returns its address. */
  startService(env?: Record<string, string>): Promise<string>
  /** Runs a statement on the tables of jobs. */
  sql<T extends object>(statement: string, values?: unknown[]): Promise<T[]>
  stop(): Promise<void>
}

const folder = new URL('../../', import.meta.url)

export async function startTestStack(env: Record<string, string> = {}): Promise<TestStack> {
  const tokens = await createTestTokens()
  const database = await createTestDatabase()
  await migrate(database.url, 'jobs', new URL('migrations/', folder))
  const dataDir = await mkdtemp(join(tmpdir(), 'registrar-jobs-'))
  const [peers, temporal] = await Promise.all([
    startTestPeers(tokens.config),
    startTestTemporal(join(dataDir, 'temporal')),
  ])
  const shared = {
    NODE_ENV: 'production',
    LOG_LEVEL: process.env.TEST_LOG_LEVEL ?? 'fatal',
    REGISTRAR_DATA_DIR: dataDir,
    JOBS_DATABASE_URL: database.url,
    TEMPORAL_ADDRESS: temporal.address,
    CATALOG_URL: peers.url,
    ENROLLMENT_URL: peers.url,
    ACCESS_CONTROL_URL: peers.url,
    JWT_ISSUER: tokens.config.issuer,
    JWT_AUDIENCE: tokens.config.audience,
    JWT_PUBLIC_SIGNING_JWK_SET: JSON.stringify(tokens.config.jwks),
    SERVICE_PUBLIC_KEY: JSON.stringify(tokens.servicePublicJwk),
    RESULT_LINK_SECRET: 'a-secret-that-only-this-test-knows',
    ...env,
  }
  const children = new Set<ChildProcess>()
  const start = async (script: string, own: Record<string, string>) => {
    const child = await startProcess(script, { ...shared, ...own })
    children.add(child)
    return child
  }
  let worker: ChildProcess
  const startWorker = async (own: Record<string, string> = {}) => {
    const SERVICE_PRIVATE_KEY = JSON.stringify(tokens.servicePrivateJwk)
    worker = await start('src/worker.ts', { SERVICE_PRIVATE_KEY, ...own })
    return worker
  }
  const startService = async (own: Record<string, string> = {}) => {
    const [port] = await findFreePorts(1)
    await start('src/main.ts', { JOBS_PORT: String(port), ...own })
    return `http://127.0.0.1:${port}`
  }
  const [url] = await Promise.all([startService(), startWorker()])
  const postgres = new PostgresClient({ connectionString: database.url, options: '-c search_path=jobs' })
  await postgres.connect()
  const connect = (serviceUrl: string, token: () => Promise<string>) =>
    createRpcClient(JobsService, serviceUrl, { token })
  return {
    ...{ url, tokens, peers, temporal, startWorker, startService },
    mediaDir: join(dataDir, 'media'),
    operator: connect(url, () => tokens.mintService('operator')),
    as(username, user = {}, serviceUrl = url) {
      const permissions = [Permission.READ_ENROLLMENTS, Permission.WRITE_ENROLLMENTS, Permission.READ_REPORTS]
      const id = peers.users.get(username)?.id ?? randomUUID()
      peers.users.set(username, { id, permissions, ...user })
      return connect(serviceUrl, () => tokens.mint({ preferred_username: username }))
    },
    worker: () => worker,
    async sql<T extends object>(statement: string, values?: unknown[]) {
      return (await postgres.query<T>(statement, values)).rows
    },
    async stop() {
      await Promise.all([...children].map(endProcess))
      await postgres.end()
      await Promise.all([peers.close(), temporal.stop()])
      await database.drop()
      await rm(dataDir, { recursive: true, force: true })
    },
  }
}

/** Asks for a job until it has ended, or is as wanted. */
export async function waitForJob(
  client: JobsClient,
  id: string | undefined,
  isWanted: (job: Job) => boolean = hasEnded,
): Promise<Job> {
  const deadline = Date.now() + 50_000
  for (;;) {
    const { job } = await client.getJob({ id })
    if (job !== undefined && isWanted(job)) return job
    if (Date.now() > deadline) throw new Error(`job ${id} is still in state ${job?.state} ${job?.text}`)
    await sleep(10)
  }
}

export function hasEnded({ state }: Job): boolean {
  return state === JobState.SUCCEEDED || state === JobState.FAILED || state === JobState.CANCELED
}

/** All of a job's result, as text. */
export async function readResult(client: JobsClient, id: string | undefined): Promise<string> {
  const chunks: Uint8Array[] = []
  for await (const { data } of client.getJobResult({ id })) chunks.push(data)
  return Buffer.concat(chunks).toString('utf8')
}

async function startProcess(script: string, env: Record<string, string>): Promise<ChildProcess> {
  const child = fork(new URL(script, folder), { env, execArgv: [] })
  const started = await Promise.race([once(child, 'message'), once(child, 'exit')])
  if (started[0] !== 'ready') throw new Error(`${script} ended before it was ready (code ${started[0]})`)
  return child
}

async function endProcess(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return
  child.kill()
  await once(child, 'exit')
}
