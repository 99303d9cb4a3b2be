import { resolve } from 'node:path'
import { ConfigError, readConfig } from '#kit/config.ts'
import { developmentIssuer } from '#kit/keys.ts'
import {
  commonSpecs,
  defaultPorts,
  flag,
  optionalPostgresUrl,
  optionalText,
  port,
  settingPrefixOf,
  text,
} from '#kit/settings.ts'
import type { TlsFiles } from '#kit/tls-files.ts'
import { readTls } from '#kit/tls-settings.ts'
import type { PortClaim } from './ports.ts'
import { StackProblem } from './problem.ts'

/** What listens on a port of its own: the parts that partners, other services and operators call. */
export const listeners = ['access-control', 'catalog', 'enrollment', 'jobs', 'gateway'] as const
export type Listener = (typeof listeners)[number]

export type StackSettings = {
  /** Absolute. */
  readonly dataDir: string
  readonly listen: Readonly<Record<Listener, { readonly host: string; readonly port: number }>>
  /** The certificates between processes, when the services speak TLS. */
  readonly tls: TlsFiles | undefined
  /** Whether partners call the gateway by HTTPS. */
  readonly isGatewayTls: boolean
  readonly postgresPort: number
  /** Set when PostgreSQL is somebody else's: then none is started. */
  readonly databaseUrl: string | undefined
  readonly isPostgresEmbedded: boolean
  readonly temporalPort: number
  readonly temporalUiPort: number
  readonly temporalNamespace: string
  /** Set when Temporal is somebody else's: then none is started. */
  readonly temporalAddress: string | undefined
  readonly isDemoWanted: boolean
  /** Whether callers' tokens are verified with the development keys, so that tokens can be minted here. */
  readonly areTokensOurs: boolean
  /** The claims that processes want of those. */
  readonly tokenClaims: { readonly iss: string; readonly aud: string }
}

/** Reads what the stack itself goes by; the rest is read by the processes. ConfigError and StackProblem say what to set. */
export function readStackSettings(env: NodeJS.ProcessEnv): StackSettings {
  if (env.NODE_ENV === 'production') {
    throw new StackProblem(
      'NODE_ENV is production, which refuses development keys: start each process by itself with settings of your own, or unset NODE_ENV.',
    )
  }
  const values = readConfig(env, {
    REGISTRAR_DATA_DIR: commonSpecs.REGISTRAR_DATA_DIR,
    REGISTRAR_DEMO: flag(true),
    DATABASE_URL: optionalPostgresUrl(),
    POSTGRES_PORT: port(defaultPorts.postgres),
    TEMPORAL_ADDRESS: optionalText('the address of Temporal, host:port'),
    TEMPORAL_NAMESPACE: text('a namespace of Temporal', 'default'),
    TEMPORAL_PORT: port(7233),
    TEMPORAL_UI_PORT: port(8233),
    ...portSpecs,
  })
  const faults: string[] = []
  const tls = readTls(env, { name: 'stack', logLevel: 'silent' }, faults)
  if (faults.length > 0) throw new ConfigError(faults)
  return {
    tls: tls?.server && tls.files,
    isGatewayTls: Boolean(env.GATEWAY_TLS_CERT_FILE),
    dataDir: resolve(values.REGISTRAR_DATA_DIR),
    listen: Object.fromEntries(
      listeners.map((name) => [name, listenOf(name, env, values)]),
    ) as StackSettings['listen'],
    postgresPort: values.POSTGRES_PORT,
    databaseUrl: values.DATABASE_URL,
    isPostgresEmbedded:
      values.DATABASE_URL === undefined && !listeners.every((name) => hasDatabase(name, env)),
    temporalPort: values.TEMPORAL_PORT,
    temporalUiPort: values.TEMPORAL_UI_PORT,
    temporalNamespace: values.TEMPORAL_NAMESPACE,
    temporalAddress: values.TEMPORAL_ADDRESS,
    isDemoWanted: values.REGISTRAR_DEMO,
    tokenClaims: { iss: env.JWT_ISSUER || developmentIssuer, aud: env.JWT_AUDIENCE || 'registrar' },
    areTokensOurs: !env.JWT_PUBLIC_SIGNING_JWK_SET && !env.JWT_JWKS_URL && !env.JWT_SECRET_KEY,
  }
}

const portSpecs = {
  ACCESS_CONTROL_PORT: port(defaultPorts['access-control']),
  CATALOG_PORT: port(defaultPorts.catalog),
  ENROLLMENT_PORT: port(defaultPorts.enrollment),
  JOBS_PORT: port(defaultPorts.jobs),
  GATEWAY_PORT: port(defaultPorts.gateway),
}

function listenOf(name: Listener, env: NodeJS.ProcessEnv, ports: Record<keyof typeof portSpecs, number>) {
  const prefix = settingPrefixOf(name)
  return {
    host: env[`${prefix}_HOST`] || '127.0.0.1',
    port: ports[`${prefix}_PORT` as keyof typeof portSpecs],
  }
}

/** Whether this service needs no PostgreSQL of ours. */
function hasDatabase(name: Listener, env: NodeJS.ProcessEnv): boolean {
  return name === 'gateway' || Boolean(env[`${settingPrefixOf(name)}_DATABASE_URL`])
}

/** Every port that this machine's processes are going to listen on, and which part does. */
export function portClaimsOf(
  settings: StackSettings,
): (PortClaim & { part: Listener | 'postgres' | 'temporal' })[] {
  const host = '127.0.0.1'
  return [
    ...listeners.map((part) => ({
      part,
      setting: `${settingPrefixOf(part)}_PORT`,
      ...settings.listen[part],
    })),
    ...(settings.isPostgresEmbedded
      ? [{ part: 'postgres' as const, setting: 'POSTGRES_PORT', host, port: settings.postgresPort }]
      : []),
    ...(settings.temporalAddress === undefined
      ? [
          { part: 'temporal' as const, setting: 'TEMPORAL_PORT', host, port: settings.temporalPort },
          { part: 'temporal' as const, setting: 'TEMPORAL_UI_PORT', host, port: settings.temporalUiPort },
        ]
      : []),
  ]
}

/** Where a process on this machine reaches a listener. */
export function urlOf({ listen, tls, isGatewayTls }: StackSettings, name: Listener): string {
  const { host, port: at } = listen[name]
  const scheme = (name === 'gateway' ? isGatewayTls : tls !== undefined) ? 'https' : 'http'
  const reachable = host === '0.0.0.0' || host === '::' ? '127.0.0.1' : host
  return `${scheme}://${reachable.includes(':') ? `[${reachable}]` : reachable}:${at}`
}
