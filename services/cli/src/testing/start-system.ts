import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, rm } from 'node:fs/promises'
import { type AddressInfo, createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { createTestDatabase } from '#kit/testing/postgres.ts'
import { runRegistrar } from './run-registrar.ts'

/** The services themselves, on development keys and a database of their own that `registrar migrate` has set up. */
export type TestSystem = { env: Record<string, string>; stop(): Promise<void> }

export async function startSystem(settings: Record<string, string> = {}): Promise<TestSystem> {
  const database = await createTestDatabase()
  const dataDir = await mkdtemp(join(tmpdir(), 'registrar-data-'))
  const [accessControlPort, catalogPort, jobsPort, nothing] = await Promise.all(
    Array.from({ length: 4 }, findFreePort),
  )
  const env = {
    REGISTRAR_DATA_DIR: dataDir,
    DATABASE_URL: database.url,
    ACCESS_CONTROL_PORT: String(accessControlPort),
    CATALOG_PORT: String(catalogPort),
    JOBS_PORT: String(jobsPort),
    // Without Temporal jobs can be looked at, and none are started here.
    TEMPORAL_ADDRESS: `127.0.0.1:${nothing}`,
    LOG_LEVEL: 'silent',
    ...settings,
  }
  const { exitCode, stderr } = await runRegistrar(['migrate'], env)
  if (exitCode !== 0) throw new Error(stderr)
  const processes = await Promise.all(
    ['access-control', 'catalog', 'jobs'].map((name) => startService(name, env)),
  )
  return {
    env,
    async stop() {
      await Promise.all(processes.map(stopService))
      await database.drop()
      await rm(dataDir, { recursive: true })
    },
  }
}

async function startService(name: string, env: Record<string, string>): Promise<ChildProcess> {
  const main = fileURLToPath(new URL(`../../../${name}/src/main.ts`, import.meta.url))
  const child = fork(main, { env: { PATH: process.env.PATH, ...env }, execArgv: [] })
  const failed = once(child, 'exit').then(() => Promise.reject(new Error(`${name} did not start`)))
  await Promise.race([once(child, 'message'), failed])
  failed.catch(() => {})
  return child
}

async function stopService(child: ChildProcess): Promise<void> {
  const ended = once(child, 'exit')
  child.kill('SIGTERM')
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
