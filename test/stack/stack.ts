import type { JWK } from 'jose'
import { type DevelopmentKeys, loadOrCreateDevelopmentKeys } from '#kit/keys.ts'
import { type Claims, mintToken } from '../fixtures/tokens.ts'
import { type DataFolder, openDataFolder } from './data-folder.ts'
import { ensureDemo } from './demo.ts'
import { fillEnvironment, type ProgramName } from './environment.ts'
import { assertPortsFree } from './ports.ts'
import { startPostgres } from './postgres.ts'
import { StackProblem } from './problem.ts'
import { type Reports, Run } from './process-run.ts'
import { specOf } from './programs.ts'
import { portClaimsOf, readStackSettings, type StackSettings, urlOf } from './settings.ts'
import { type SupervisedProcess, supervise } from './supervise.ts'
import { startTemporal } from './temporal.ts'
import { findTemporalBinary } from './temporal-binary.ts'

/** The parts of the system. `migrations` runs once, before the services. */
export type PartName = 'postgres' | 'temporal' | ProgramName | ClusterPartName
/** What test/cluster starts instead of one Temporal, and more of. */
type ClusterPartName =
  | ('gateway-2' | 'jobs-worker-2')
  | `temporal-${'frontend' | 'history-1' | 'history-2' | 'matching' | 'worker'}`

export type StackOptions = {
  /** The settings; nothing is read from elsewhere. */
  readonly env: NodeJS.ProcessEnv
  /** One line of progress, or of what happened to a process later on. */
  readonly log: (line: string) => void
  /** One line that a process printed. Dropped when absent. */
  readonly output?: (name: string, line: string) => void
  /** Fill an empty system with demo data. */
  readonly demo?: boolean
  /** Start only these parts; all when absent. */
  readonly only?: readonly PartName[]
  /** Gives the start up: what was started is stopped, and the promise rejects. */
  readonly signal?: AbortSignal
}

/** A running system. */
export type Stack = {
  readonly settings: StackSettings
  readonly keys: DevelopmentKeys
  /** The settings with all defaults filled in, secrets included: what the `registrar` command needs to reach this system. */
  readonly env: NodeJS.ProcessEnv
  /** What runs, in the order in which it was started. */
  readonly parts: readonly PartName[]
  /** Each gateway by itself. */
  readonly gateways: readonly string[]
  /** Where it is reached: `http://host:port`. */
  readonly urls: Readonly<Record<'gateway' | 'accessControl' | 'catalog' | 'enrollment' | 'jobs', string>>
  /** Undefined when Temporal is not ours. */
  readonly temporalUiUrl: string | undefined
  /** Whether the demo data is there. */
  readonly hasDemo: boolean
  /** A caller's token, as the LMS would make it, valid for an hour unless `exp` says otherwise. */
  mintToken(username: string, claims?: Claims): Promise<string>
  pid(name: PartName): number | undefined
  kill(name: PartName, signal: NodeJS.Signals): void
  /** Resolves with the process id of the next start that gets ready; ask before the kill. */
  restarted(name: PartName): Promise<number>
  /** Keeps a part that has ended from being started again until the function that this returns is called. */
  hold(name: PartName): () => void
  /** Stops everything, last started first; nothing is left running. */
  stop(): Promise<void>
}

/**
 * Starts the system on this machine, each part ready before the next one is started. Rejects with a StackProblem or a
 * ConfigError, whose message says in a sentence what to do, and then leaves nothing running.
 */
export async function startStack(options: StackOptions): Promise<Stack> {
  const settings = readStackSettings(options.env)
  const folder = await openDataFolder(settings.dataDir, options.log)
  const parts = new Map<PartName, SupervisedProcess>()
  const stop = async () => {
    for (const part of [...parts.values()].reverse()) await part.stop()
    folder.release()
  }
  try {
    const keys = await loadOrCreateDevelopmentKeys(settings.dataDir, options.env.NODE_ENV)
    const started = await startParts({ options, settings, keys, parts, note: folder.note })
    return { ...describe(settings, keys, parts), ...started, parts: [...parts.keys()], stop }
  } catch (error) {
    await stop()
    throw error
  }
}

type Start = {
  readonly options: StackOptions
  readonly settings: StackSettings
  readonly keys: DevelopmentKeys
  /** Filled as the parts get ready. */
  readonly parts: Map<PartName, SupervisedProcess>
  readonly note: DataFolder['note']
}

async function startParts({
  options,
  settings,
  keys,
  parts,
  note,
}: Start): Promise<Pick<Stack, 'env' | 'temporalUiUrl' | 'hasDemo'>> {
  const { env, log, output = () => {}, signal } = options
  const { dataDir } = settings
  const reports: Reports = { log, output, started: note }
  const isWanted = (name: PartName) => options.only?.includes(name) ?? true
  const tell = startClock(log)
  await assertPortsFree(portClaimsOf(settings).filter(({ part }) => isWanted(part)))

  let databaseUrl: string | undefined
  if (settings.isPostgresEmbedded && isWanted('postgres')) {
    const { postgresPort: port } = settings
    const postgres = await startPostgres({ dataDir, port, password: keys.postgresPassword, reports, signal })
    parts.set('postgres', postgres.process)
    databaseUrl = postgres.url
    tell('postgres', `127.0.0.1:${port}, data in ${dataDir}`)
  }

  let temporalUiUrl: string | undefined
  if (settings.temporalAddress === undefined && isWanted('temporal')) {
    const { temporalPort: port, temporalUiPort: uiPort, temporalNamespace: namespace } = settings
    const binary = await findTemporalBinary({ env, log })
    const searchAttributes = jobSearchAttributes
    const temporal = await startTemporal({
      ...{ binary, dataDir, port, uiPort, namespace, searchAttributes, reports, signal },
    })
    parts.set('temporal', temporal.process)
    temporalUiUrl = temporal.uiUrl
    tell('temporal', `${temporal.address}, UI at ${temporal.uiUrl}`)
  }

  const filled = fillEnvironment(env, settings, keys, databaseUrl)
  if (isWanted('migrations')) {
    await new Run(specOf('migrations', settings, filled), reports).untilDone(signal)
    tell('migrations', 'tables are up to date')
  }
  for (const name of programs.filter(isWanted)) {
    parts.set(name, await supervise(specOf(name, settings, filled), reports, signal))
    tell(name, name === 'jobs-worker' ? 'waits for jobs' : urlOf(settings, name))
  }
  let hasDemo = false
  if (options.demo) {
    const servicePrivateJwk = JSON.parse(filled.SERVICE_PRIVATE_KEY as string) as JWK
    const outcome = await ensureDemo({ urls: urlsOf(settings), tls: settings.tls, servicePrivateJwk, log })
    hasDemo = outcome !== 'absent'
    tell(
      'demo data',
      { made: 'is there now', kept: 'is there', absent: 'left out: there are other programs' }[outcome],
    )
  }
  return { env: filled, temporalUiUrl, hasDemo }
}

function describe(
  settings: StackSettings,
  keys: DevelopmentKeys,
  parts: ReadonlyMap<PartName, SupervisedProcess>,
) {
  const part = (name: PartName): SupervisedProcess => {
    const found = parts.get(name)
    if (found === undefined) throw new Error(`${name} was not started`)
    return found
  }
  return {
    settings,
    keys,
    urls: urlsOf(settings),
    gateways: [urlOf(settings, 'gateway')],
    async mintToken(username: string, claims: Claims = {}) {
      if (!settings.areTokensOurs) {
        throw new StackProblem('JWT_* names keys of your own: get a token where those keys are.')
      }
      return mintToken(keys.jwtPrivateJwk, username, { ...settings.tokenClaims, ...claims })
    },
    pid: (name: PartName) => part(name).pid,
    kill: (name: PartName, signal: NodeJS.Signals) => void part(name).kill(signal),
    restarted: (name: PartName) => part(name).restarted(),
    hold: (name: PartName) => part(name).hold(),
  }
}

function urlsOf(settings: StackSettings): Stack['urls'] {
  return {
    gateway: urlOf(settings, 'gateway'),
    accessControl: urlOf(settings, 'access-control'),
    catalog: urlOf(settings, 'catalog'),
    enrollment: urlOf(settings, 'enrollment'),
    jobs: urlOf(settings, 'jobs'),
  }
}

/** Says that a part is ready, and after how many seconds. */
function startClock(log: (line: string) => void): (name: string, what: string) => void {
  const beganAt = performance.now()
  return (name, what) => {
    const seconds = ((performance.now() - beganAt) / 1000).toFixed(1)
    log(`${seconds.padStart(5)} s  ${name.padEnd(14)}  ${what}`)
  }
}

// Those that the jobs service would register itself, only that Temporal knows these before the first job.
const jobSearchAttributes = Object.fromEntries(
  ['RegistrarProgramKey', 'RegistrarOrganizationKey', 'RegistrarUser', 'RegistrarJobKind'].map((name) => [
    name,
    'Keyword',
  ]),
)

const programs = ['access-control', 'catalog', 'enrollment', 'jobs', 'jobs-worker', 'gateway'] as const
