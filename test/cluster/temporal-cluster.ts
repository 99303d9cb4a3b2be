import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { assertServing } from '#stack/grpc-health.ts'
import { findFreePorts } from '#stack/ports.ts'
import { type Reports, Run } from '#stack/process-run.ts'
import { type SupervisedProcess, supervise } from '#stack/supervise.ts'

/** The processes of a Temporal server, as docker-compose.yml has them. */
export const temporalParts = [
  'temporal-history-1',
  'temporal-history-2',
  'temporal-matching',
  'temporal-frontend',
  'temporal-worker',
] as const
export type TemporalPart = (typeof temporalParts)[number]

export type TemporalClusterOptions = {
  /** The folder with temporal-server and temporal-sql-tool. */
  readonly programs: string
  /** The Temporal CLI. */
  readonly cli: string
  readonly dataDir: string
  /** PostgreSQL on 127.0.0.1, with a role that may make databases. */
  readonly postgres: { readonly port: number; readonly user: string; readonly password: string }
  /** Of the frontend. */
  readonly port: number
  readonly namespace: string
  readonly reports: Reports
  readonly signal?: AbortSignal
}

export type TemporalCluster = {
  readonly address: string
  readonly parts: ReadonlyMap<TemporalPart, SupervisedProcess>
}

/** Starts a Temporal server on PostgreSQL: tables, then each service of it in a process of its own, then the namespace. */
export async function startTemporalCluster(options: TemporalClusterOptions): Promise<TemporalCluster> {
  const { reports, signal, port } = options
  mkdirSync(options.dataDir, { recursive: true })
  await runScript('temporal-schema', options, databaseSettings(options))
  const parts = new Map<TemporalPart, SupervisedProcess>()
  try {
    const addresses = await portsOf(port)
    const start = async (name: TemporalPart) =>
      void parts.set(name, await startPart(name, options, addresses))
    // The first one writes down what the cluster is; several that do so at once get in each other's way.
    const [first, ...others] = temporalParts
    await start(first)
    await Promise.all(others.map(start))
    const address = `127.0.0.1:${port}`
    const wanted = { TEMPORAL_ADDRESS: address, TEMPORAL_NAMESPACE: options.namespace }
    await runScript('temporal-namespace', options, wanted)
    return { address, parts }
  } catch (error) {
    await Promise.all([...parts.values()].map((part) => part.stop()))
    throw error
  }

  function startPart(name: TemporalPart, { programs, dataDir }: TemporalClusterOptions, ports: Ports) {
    const service = name.split('-')[1] as Service
    const check = checks[service]
    return supervise(
      {
        ...{ name, command: join(programs, 'temporal-server'), args: ['start'], cwd: dataDir },
        env: {
          ...serverSettings(options),
          ...portSettings(service, name, ports),
          TEMPORAL_SERVICES: service,
        },
        ...(check && { check: (each) => assertServing(`127.0.0.1:${ports[name].grpc}`, check, each) }),
        readyWithin: 120_000,
        stopWithin: 30_000,
      },
      { ...reports, output: (each, line) => isLog.test(line) && reports.output(each, line) },
      signal,
    )
  }
}

// Before it logs it prints how it is put together, in hundreds of lines.
const isLog = /^\{|^Unable to /

type Service = 'history' | 'matching' | 'frontend' | 'worker'
type Ports = Readonly<Record<TemporalPart, { grpc: number; membership: number; http: number }>>

/** What each answers a health check by. The worker listens on nothing. */
const checks: Partial<Record<Service, string>> = {
  history: 'temporal.api.workflowservice.v1.HistoryService',
  matching: 'temporal.api.workflowservice.v1.MatchingService',
  frontend: 'temporal.api.workflowservice.v1.WorkflowService',
}

async function portsOf(frontend: number): Promise<Ports> {
  const free = await findFreePorts(temporalParts.length * 3)
  const ports = temporalParts.map((name) => {
    const [grpc, membership, http] = free.splice(0, 3) as [number, number, number]
    return [name, { grpc: name === 'temporal-frontend' ? frontend : grpc, membership, http }]
  })
  return Object.fromEntries(ports)
}

/** On one machine each has ports of its own; in containers all have Temporal's. */
function portSettings(service: Service, name: TemporalPart, ports: Ports): NodeJS.ProcessEnv {
  const frontend = ports['temporal-frontend']
  return {
    // All are told where the frontend is.
    FRONTEND_GRPC_PORT: String(frontend.grpc),
    FRONTEND_HTTP_PORT: String(frontend.http),
    [`${service.toUpperCase()}_GRPC_PORT`]: String(ports[name].grpc),
    [`${service.toUpperCase()}_MEMBERSHIP_PORT`]: String(ports[name].membership),
  }
}

/** What the configuration that Temporal carries takes from the environment. A test compares it with docker-compose.yml. */
export function serverSettings({ postgres }: Pick<TemporalClusterOptions, 'postgres'>) {
  return {
    DB: 'postgres12',
    DB_PORT: String(postgres.port),
    POSTGRES_SEEDS: '127.0.0.1',
    POSTGRES_USER: postgres.user,
    POSTGRES_PWD: postgres.password,
    NUM_HISTORY_SHARDS: '128',
    BIND_ON_IP: '127.0.0.1',
    DYNAMIC_CONFIG_FILE_PATH: deployFile('temporal-dynamic-config.yaml'),
    LOG_LEVEL: 'error',
  }
}

function databaseSettings({ postgres }: TemporalClusterOptions) {
  const { port, user, password } = postgres
  return { SQL_HOST: '127.0.0.1', SQL_PORT: String(port), SQL_USER: user, SQL_PASSWORD: password }
}

/** Runs one of the scripts that docker-compose.yml runs in Temporal's image. */
async function runScript(
  name: string,
  { programs, cli, dataDir, reports, signal }: TemporalClusterOptions,
  settings: NodeJS.ProcessEnv,
): Promise<void> {
  const path = [programs, join(cli, '..'), '/usr/bin', '/bin'].join(':')
  const env = { PATH: path, HOME: dataDir, TEMPORAL_VERSION_CHECK_DISABLED: '1', ...settings }
  const script = { name, command: '/bin/sh', args: [deployFile(`${name}.sh`)], env, cwd: dataDir }
  // What it says is told when it fails.
  await new Run(script, { ...reports, output: () => {} }).untilDone(signal)
}

function deployFile(name: string): string {
  return fileURLToPath(new URL(`../../deploy/${name}`, import.meta.url))
}
