import { join } from 'node:path'
import type { DevelopmentKeys } from '#kit/keys.ts'
import { settingPrefixOf } from '#kit/settings.ts'
import { type Listener, listeners, type StackSettings, urlOf } from './settings.ts'

/** The processes of ours that run on and on. */
export const lastingPrograms = [
  ...(['gateway', 'access-control', 'catalog'] as const),
  ...(['enrollment', 'jobs', 'jobs-worker'] as const),
]
/** Those, and `migrations`, which runs once before them. */
export type ProgramName = (typeof lastingPrograms)[number] | 'migrations'

/**
 * The environment with everything filled in that has a default on this machine: addresses, ports, keys. No process
 * gets all of it.
 */
export function fillEnvironment(
  env: NodeJS.ProcessEnv,
  settings: StackSettings,
  keys: DevelopmentKeys,
  embeddedDatabaseUrl: string | undefined,
): NodeJS.ProcessEnv {
  const servicePrivateKey = env.SERVICE_PRIVATE_KEY || JSON.stringify(keys.servicePrivateJwk)
  const defaults: NodeJS.ProcessEnv = {
    DATABASE_URL: embeddedDatabaseUrl,
    TEMPORAL_ADDRESS: `127.0.0.1:${settings.temporalPort}`,
    API_ROOT: `${urlOf(settings, 'gateway')}/api`,
    RESULT_LINK_SECRET: keys.linkSecret,
    // Starts faster and leaner from the second time on: nothing is compiled or stripped of its types again.
    NODE_COMPILE_CACHE: join(settings.dataDir, 'cache', 'node'),
    ...(settings.areTokensOurs && { JWT_PUBLIC_SIGNING_JWK_SET: keys.jwksJson }),
    SERVICE_PRIVATE_KEY: servicePrivateKey,
    SERVICE_PUBLIC_KEY: publicHalfOf(servicePrivateKey),
    ...Object.fromEntries(listeners.map((name) => [`${settingPrefixOf(name)}_URL`, urlOf(settings, name)])),
    ...metricsPortsFrom(Number(env.METRICS_PORT || Number.NaN)),
  }
  const given = Object.fromEntries(
    Object.entries(env).filter(([, value]) => value !== undefined && value !== ''),
  )
  return { ...defaults, ...given, REGISTRAR_DATA_DIR: settings.dataDir }
}

/** The setting that chooses where a process tells its metrics. */
export function metricsPortOf(name: ProgramName): string {
  return `${settingPrefixOf(name)}_METRICS_PORT`
}

/** One port for all processes will not do where they run on one machine: it is the first of as many as there are processes. */
function metricsPortsFrom(first: number): NodeJS.ProcessEnv {
  if (Number.isNaN(first)) return {}
  const portOf = (index: number) => String(first + index)
  return Object.fromEntries(lastingPrograms.map((name, index) => [metricsPortOf(name), portOf(index)]))
}

/** Undefined when it is not JSON: the process that needs the key will say what is wrong with it. */
function publicHalfOf(privateJwkJson: string): string | undefined {
  try {
    const { d: _, ...publicJwk } = JSON.parse(privateJwkJson) as { d?: string }
    return JSON.stringify(publicJwk)
  } catch {
    return undefined
  }
}

/** What one process may see of it: what it is configured by, and nothing that only others need. */
export function narrowEnvironment(filled: NodeJS.ProcessEnv, program: ProgramName): NodeJS.ProcessEnv {
  const patterns = [...everywhere, metricsPortOf(program), ...needs[program]]
  return Object.fromEntries(
    Object.entries(filled).filter(([name]) => patterns.some((pattern) => matches(name, pattern))),
  )
}

const everywhere = [
  ...['PATH', 'HOME', 'TMPDIR', 'TZ', 'LANG', 'LC_*', 'SYSTEMROOT'],
  ...[
    'NODE_ENV',
    'NODE_OPTIONS',
    'NODE_COMPILE_CACHE',
    'NODE_EXTRA_CA_CERTS',
    'SSL_CERT_FILE',
    'SSL_CERT_DIR',
  ],
  ...['REGISTRAR_DATA_DIR', 'LOG_LEVEL', 'METRICS_HOST', 'SHUTDOWN_DELAY', 'OTEL_*', 'TLS_*'],
]
const tokens = ['JWT_*', 'SERVICE_PUBLIC_KEY']
const database = ['DATABASE_URL', 'DATABASE_POOL_SIZE']
const upstream = ['LMS_BASE_URL', 'BACKEND_SERVICE_EDX_OAUTH2_*', 'HTTP_PROXY', 'HTTPS_PROXY', 'NO_PROXY']
const storage = [
  'STORAGE_*',
  'REGISTRAR_BUCKET',
  'PROGRAM_REPORTS_*',
  'AWS_*',
  'S3_*',
  'HTTPS_PROXY',
  'NO_PROXY',
]
const links = ['API_ROOT', 'RESULT_LINK_*', 'RESULT_RETENTION_DAYS', 'UPLOAD_RETENTION_DAYS']
const databaseOf = (name: Listener) => [`${settingPrefixOf(name)}_DATABASE_URL`, ...database]
const listenOf = (name: Listener) => [`${settingPrefixOf(name)}_HOST`, `${settingPrefixOf(name)}_PORT`]

const needs: Record<ProgramName, readonly string[]> = {
  migrations: [...listeners.flatMap(databaseOf)],
  'access-control': [...listenOf('access-control'), ...databaseOf('access-control'), ...tokens],
  catalog: [
    ...listenOf('catalog'),
    ...databaseOf('catalog'),
    ...tokens,
    ...upstream,
    'ACCESS_CONTROL_URL',
    'DISCOVERY_BASE_URL',
    'PROGRAM_CACHE_TIMEOUT',
    'GRANTS_CACHE_TIMEOUT',
  ],
  enrollment: [
    ...listenOf('enrollment'),
    ...databaseOf('enrollment'),
    ...tokens,
    ...upstream,
    'CATALOG_URL',
    'LMS_*',
  ],
  jobs: [
    ...listenOf('jobs'),
    ...databaseOf('jobs'),
    ...tokens,
    ...storage,
    ...links,
    ...['ACCESS_CONTROL_URL', 'CATALOG_URL', 'TEMPORAL_*', 'JOB_*', 'DISCOVERY_SYNC_INTERVAL'],
  ],
  'jobs-worker': [
    ...databaseOf('jobs'),
    ...storage,
    ...['CATALOG_URL', 'ENROLLMENT_URL', 'TEMPORAL_*', 'SERVICE_PRIVATE_KEY', 'JOBS_WORKER_*', 'JOB_*'],
  ],
  gateway: [
    ...listenOf('gateway'),
    'JWT_*',
    ...[
      'ACCESS_CONTROL_URL',
      'CATALOG_URL',
      'ENROLLMENT_URL',
      'JOBS_URL',
      'API_ROOT',
      'CORS_ORIGIN_WHITELIST',
      'GATEWAY_TLS_*',
      'RATE_LIMIT',
    ],
  ],
}

function matches(name: string, pattern: string): boolean {
  return pattern.endsWith('*') ? name.startsWith(pattern.slice(0, -1)) : name === pattern
}
