import { join } from 'node:path'
import pg from 'pg'
import { loadOrCreateDevelopmentKeys } from '#kit/keys.ts'
import { letPostgresPass, openDataFolder } from '#stack/data-folder.ts'
import { fillEnvironment } from '#stack/environment.ts'
import { assertPortsFree, findFreePorts } from '#stack/ports.ts'
import { startPostgres } from '#stack/postgres.ts'
import { StackProblem } from '#stack/problem.ts'
import type { Reports } from '#stack/process-run.ts'
import { specOf } from '#stack/programs.ts'
import { readStackSettings } from '#stack/settings.ts'
import { type PartName, type Stack, type StackOptions, startStack } from '#stack/stack.ts'
import { type SupervisedProcess, supervise } from '#stack/supervise.ts'
import { findTemporalBinary } from '#stack/temporal-binary.ts'
import { startBalancer } from './balancer.ts'
import { startTemporalCluster, temporalParts } from './temporal-cluster.ts'
import { findTemporalServer } from './temporal-server-binary.ts'

/**
 * Starts the topology of docker-compose.yml on this machine, without containers: PostgreSQL, a Temporal server on it whose services are
 * processes of their own, the four services, two workers, and two gateways behind one address.
 *
 * Settings are those of `startStack`. `GATEWAY_PORT` is where both gateways are reached.
 */
export async function startCluster(options: StackOptions): Promise<Stack> {
  const settings = readStackSettings(options.env)
  if (settings.databaseUrl !== undefined || settings.temporalAddress !== undefined) {
    throw new StackProblem('The cluster brings its own: unset DATABASE_URL and TEMPORAL_ADDRESS.')
  }
  const folder = await openDataFolder(join(settings.dataDir, 'cluster'), options.log)
  letPostgresPass(settings.dataDir)
  const closing: Closing = []
  const stop = async () => {
    for (const close of closing.reverse()) await close()
    folder.release()
  }
  try {
    const { log, output = () => {} } = options
    const infrastructure = await startInfrastructure(options, { log, output, started: folder.note }, closing)
    return { ...(await startPrograms(options, infrastructure, closing)), stop }
  } catch (error) {
    await stop()
    throw error
  }
}

type Infrastructure = {
  readonly databaseUrl: string
  readonly temporalAddress: string
  readonly parts: ReadonlyMap<PartName, SupervisedProcess>
}
type Closing = (() => Promise<void>)[]

async function startInfrastructure(
  { env, log, signal }: StackOptions,
  reports: Reports,
  closing: Closing,
): Promise<Infrastructure> {
  const settings = readStackSettings(env)
  const { dataDir, postgresPort, temporalPort: port, temporalNamespace: namespace } = settings
  const [programs, cli] = [await findTemporalServer({ env, log }), await findTemporalBinary({ env, log })]
  const host = '127.0.0.1'
  await assertPortsFree([
    { setting: 'POSTGRES_PORT', host, port: postgresPort },
    { setting: 'TEMPORAL_PORT', host, port },
    { setting: 'GATEWAY_PORT', host, port: settings.listen.gateway.port },
  ])
  const { postgresPassword: password } = await loadOrCreateDevelopmentKeys(dataDir, env.NODE_ENV)
  const postgres = await startPostgres({
    ...{ dataDir, port: postgresPort, password, reports, signal, settings: ['max_connections=300'] },
  })
  closing.push(() => postgres.process.stop())
  await ensureTemporalRole(postgres.url, password)
  const temporal = await startTemporalCluster({
    ...{ programs, cli, port, namespace, reports, signal, dataDir: join(dataDir, 'cluster', 'temporal') },
    postgres: { port: postgresPort, user: 'temporal', password },
  })
  closing.push(async () => {
    await Promise.all([...temporal.parts.values()].map((part) => part.stop()))
  })
  log(`Temporal at ${temporal.address}: ${[...temporal.parts.keys()].toSorted().join(', ')}`)
  return {
    databaseUrl: postgres.url,
    temporalAddress: temporal.address,
    parts: new Map<PartName, SupervisedProcess>([['postgres', postgres.process], ...temporal.parts]),
  }
}

/** As deploy/postgres-roles.sh makes it: Temporal's tables are nobody else's. */
async function ensureTemporalRole(url: string, password: string): Promise<void> {
  const client = new pg.Client({ connectionString: url })
  await client.connect()
  try {
    const { rowCount } = await client.query(`select from pg_roles where rolname = 'temporal'`)
    if (rowCount === 0) {
      await client.query(`create role temporal login createdb password ${client.escapeLiteral(password)}`)
    }
  } finally {
    await client.end()
  }
}

async function startPrograms(
  options: StackOptions,
  { databaseUrl, temporalAddress, parts }: Infrastructure,
  closing: Closing,
): Promise<Omit<Stack, 'stop'>> {
  const { env: given, log, output = () => {}, signal } = options
  const { port } = readStackSettings(given).listen.gateway
  const publicUrl = `http://127.0.0.1:${port}`
  const ports = (await findFreePorts(2)) as [number, number]
  const env = {
    ...given,
    DATABASE_URL: databaseUrl,
    TEMPORAL_ADDRESS: temporalAddress,
    GATEWAY_PORT: String(ports[0]),
    API_ROOT: given.API_ROOT || `${publicUrl}/api`,
  }
  const stack = await startStack({ ...options, env })
  closing.push(() => stack.stop())
  const second = {
    ...stack.settings,
    listen: { ...stack.settings.listen, gateway: { host: '127.0.0.1', port: ports[1] } },
  }
  // Metrics of the first of each will do.
  const apart = { METRICS_PORT: '', GATEWAY_METRICS_PORT: '', JOBS_WORKER_METRICS_PORT: '' }
  const another = { ...env, ...apart, GATEWAY_PORT: String(ports[1]) }
  const filled = fillEnvironment(another, second, stack.keys, databaseUrl)
  const all = new Map(parts)
  for (const [name, program] of [
    ['jobs-worker-2', 'jobs-worker'],
    ['gateway-2', 'gateway'],
  ] as const) {
    const process = await supervise({ ...specOf(program, second, filled), name }, { log, output }, signal)
    closing.push(() => process.stop())
    all.set(name, process)
  }
  const balancer = await startBalancer(port, ports)
  closing.push(() => balancer.close())
  log(
    `gateways at ${ports.map((each) => `http://127.0.0.1:${each}`).join(' and ')}, both behind ${publicUrl}`,
  )
  return {
    ...stack,
    urls: { ...stack.urls, gateway: publicUrl },
    gateways: ports.map((each) => `http://127.0.0.1:${each}`),
    parts: [...stack.parts, ...all.keys()],
    ...reachable(all, stack),
  }
}

/** By names: those beside the stack's own; `temporal` means all of it. */
function reachable(
  all: ReadonlyMap<PartName, SupervisedProcess>,
  stack: Stack,
): Pick<Stack, 'pid' | 'kill' | 'restarted'> {
  const named = (name: PartName) =>
    (name === 'temporal' ? temporalParts : [name]).map((each) => all.get(each))
  return {
    pid: (name) =>
      (all.get(name === 'temporal' ? 'temporal-frontend' : name) ?? { pid: stack.pid(name) }).pid,
    kill(name, signal) {
      for (const process of named(name))
        process === undefined ? stack.kill(name, signal) : process.kill(signal)
    },
    async restarted(name) {
      const [pid] = await Promise.all(
        named(name).map((process) => process?.restarted() ?? stack.restarted(name)),
      )
      return pid as number
    },
  }
}
