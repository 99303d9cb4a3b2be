import type { JWK } from 'jose'
import { ConfigError, collectConfig, type Specs, type Values } from './config.ts'
import type { ServerTls } from './http2-server.ts'
import { type Reading, readJwt, readResultLinks, readServiceKey, readUserJwt } from './key-settings.ts'
import { type DevelopmentKeys, loadOrCreateDevelopmentKeys } from './keys.ts'
import {
  commonSpecs,
  defaultPorts,
  httpUrl,
  type LogLevel,
  optionalPostgresUrl,
  type PeerName,
  port,
  postgresUrlWanted,
  settingPrefixOf,
  text,
  wholeNumber,
} from './settings.ts'
import type { TlsFiles } from './tls-files.ts'
import { readTls } from './tls-settings.ts'
import type { JwtConfig } from './tokens.ts'
import type { UserTokenConfig } from './user-tokens.ts'

/** What a process may need beside the settings that every process has. */
export type Parts = {
  /** Where it listens: `<NAME>_HOST`, `<NAME>_PORT`; `tls` for RPC, when there is a certificate. */
  listen: { host: string; port: number; tls?: ServerTls }
  /** `<NAME>_DATABASE_URL`, else DATABASE_URL, else the embedded PostgreSQL; DATABASE_POOL_SIZE. */
  database: { url: string; poolSize: number }
  /** What callers' tokens and service tokens are verified with: JWT_*, SERVICE_PUBLIC_KEY. */
  jwt: JwtConfig
  /** The same for callers' tokens alone: JWT_*. */
  userJwt: UserTokenConfig
  /** What service tokens are signed with: SERVICE_PRIVATE_KEY. */
  serviceKey: { privateJwk: JWK }
  /** What result links are signed with: RESULT_LINK_SECRET. */
  resultLinks: { secret: string }
}

/** The settings that every process has. */
export type BaseConfig = {
  name: string
  isProduction: boolean
  logLevel: LogLevel
  dataDir: string
  /** The certificates between processes, for `createRpcClient`: TLS_*; undefined when none is set. */
  tls: TlsFiles | undefined
}

export type ProcessConfig<N extends keyof Parts, P extends PeerName, S extends Specs> = Readonly<
  BaseConfig & Pick<Parts, N> & { peers: Readonly<Record<P, string>>; own: Values<S> }
>

/** What a process wants to know. */
export type ProcessNeeds<N extends keyof Parts, P extends PeerName, S extends Specs> = {
  /** The process, as in `defaultPorts`; in upper case it starts its settings. */
  name: string
  needs: readonly N[]
  /** The services that it calls: `<PEER>_URL`. */
  peers?: readonly P[]
  /** Its own settings, returned as `own`. */
  own?: S
}

/**
 * The configuration of one process, read once and frozen. One ConfigError tells all that is wrong.
 *
 * Keys that are not set come from the data folder's development keys, except in production, where each must be set.
 */
export async function readProcessConfig<
  const N extends keyof Parts,
  const P extends PeerName = never,
  S extends Specs = Record<never, never>,
>(env: NodeJS.ProcessEnv, wanted: ProcessNeeds<N, P, S>): Promise<ProcessConfig<N, P, S>> {
  const faults: string[] = []
  const isProduction = env.NODE_ENV === 'production'
  const common = collectConfig(env, commonSpecs, faults)
  const own = collectConfig(env, wanted.own ?? ({} as S), faults)
  const needs = new Set<keyof Parts>(wanted.needs)
  const isOnNetwork = needs.has('listen') || wanted.peers !== undefined
  const owner = { name: wanted.name, logLevel: common.LOG_LEVEL }
  const tls = isOnNetwork ? readTls(env, owner, faults) : undefined
  const peers = readPeers(env, wanted.peers ?? [], tls?.server === undefined ? 'http' : 'https', faults)
  let keys: Promise<DevelopmentKeys> | undefined
  const reading: Reading = {
    env,
    name: wanted.name,
    isProduction,
    faults,
    developmentKeys: async () => {
      if (isProduction) return undefined
      keys ??= loadOrCreateDevelopmentKeys(common.REGISTRAR_DATA_DIR, env.NODE_ENV)
      return keys
    },
  }
  const parts: Partial<Parts> = {
    ...(needs.has('listen') && {
      listen: { ...readListen(reading), ...(tls?.server && { tls: tls.server }) },
    }),
    ...(needs.has('database') && { database: await readDatabase(reading) }),
    ...(needs.has('jwt') && { jwt: await readJwt(reading) }),
    ...(needs.has('userJwt') && { userJwt: await readUserJwt(reading) }),
    ...(needs.has('serviceKey') && { serviceKey: await readServiceKey(reading) }),
    ...(needs.has('resultLinks') && { resultLinks: await readResultLinks(reading) }),
  }
  if (faults.length > 0) throw new ConfigError([...new Set(faults)])
  const base = {
    name: wanted.name,
    isProduction,
    logLevel: common.LOG_LEVEL,
    dataDir: common.REGISTRAR_DATA_DIR,
    tls: tls?.files,
  }
  return Object.freeze({ ...base, ...parts, peers, own }) as ProcessConfig<N, P, S>
}

function readPeers(
  env: NodeJS.ProcessEnv,
  names: readonly PeerName[],
  scheme: 'http' | 'https',
  faults: string[],
) {
  const urls = names.map((name) => {
    const prefix = settingPrefixOf(name)
    const [portName, urlName] = [`${prefix}_PORT`, `${prefix}_URL`]
    // Where the peer listens when both run on this machine.
    const peerPort = collectConfig(env, { [portName]: port(defaultPorts[name]) }, faults)[portName]
    const fallback = `${scheme}://127.0.0.1:${peerPort}`
    return [name, collectConfig(env, { [urlName]: httpUrl(fallback) }, faults)[urlName]]
  })
  return Object.freeze(Object.fromEntries(urls)) as Record<PeerName, string>
}

function readListen({ env, name, faults }: Reading): Parts['listen'] {
  const prefix = settingPrefixOf(name)
  const [hostName, portName] = [`${prefix}_HOST`, `${prefix}_PORT`]
  const fallback = (defaultPorts as Record<string, number>)[name]
  if (fallback === undefined) throw new Error(`${name} has no port in defaultPorts`)
  const host = text('the address to listen on, such as 127.0.0.1 or 0.0.0.0', '127.0.0.1')
  return {
    host: collectConfig(env, { [hostName]: host }, faults)[hostName] as string,
    port: collectConfig(env, { [portName]: port(fallback) }, faults)[portName] as number,
  }
}

async function readDatabase({ env, name, developmentKeys, faults }: Reading): Promise<Parts['database']> {
  const before = faults.length
  const override = `${settingPrefixOf(name)}_DATABASE_URL`
  const overriding = collectConfig(env, { [override]: optionalPostgresUrl() }, faults)[override]
  const values = collectConfig(
    env,
    {
      DATABASE_URL: optionalPostgresUrl(),
      DATABASE_POOL_SIZE: wholeNumber({ min: 1, max: 500, default: 10, unit: 'connections' }),
      POSTGRES_PORT: port(defaultPorts.postgres),
    },
    faults,
  )
  const poolSize = values.DATABASE_POOL_SIZE
  const given = overriding ?? values.DATABASE_URL
  if (given !== undefined) return { url: given, poolSize }
  const keys = faults.length === before ? await developmentKeys() : undefined
  if (keys === undefined && faults.length === before) {
    faults.push(`DATABASE_URL is missing: set it to ${postgresUrlWanted}.`)
  }
  const account = `registrar:${keys?.postgresPassword}`
  return { url: `postgresql://${account}@127.0.0.1:${values.POSTGRES_PORT}/registrar`, poolSize }
}
