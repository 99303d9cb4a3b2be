import { ConfigError, collectConfig } from './config.ts'
import type { ServerTls } from './http2-server.ts'
import { createLogger } from './logger.ts'
import { type LogLevel, oneOf, optionalText } from './settings.ts'
import { openTlsFiles, type TlsFiles, type TlsPaths } from './tls-files.ts'

/** TLS between processes. */
export type TlsConfig = {
  /** What we show to others, and whom we trust. */
  files: TlsFiles
  /** How we are called; undefined without a certificate. */
  server?: ServerTls
}

/** Whose settings they are: the name and level of its log, which tells of new files that cannot be used. */
type Owner = { name: string; logLevel: LogLevel }

const specs = {
  TLS_CERT_FILE: optionalText('a PEM file with the certificate of this process'),
  TLS_KEY_FILE: optionalText('the PEM file with the key of TLS_CERT_FILE'),
  TLS_CA_FILE: optionalText('a PEM file with the authorities of the certificates that other processes show'),
  TLS_CLIENT_CERTIFICATES: oneOf(['none', 'required'], 'none'),
}

/** TLS_CERT_FILE, TLS_KEY_FILE, TLS_CA_FILE and TLS_CLIENT_CERTIFICATES; undefined when none of the files is set. */
export function readTls(env: NodeJS.ProcessEnv, owner: Owner, faults: string[]): TlsConfig | undefined {
  const values = collectConfig(env, specs, faults)
  const { TLS_CERT_FILE: cert, TLS_KEY_FILE: key, TLS_CA_FILE: ca } = values
  const areClientsVerified = values.TLS_CLIENT_CERTIFICATES === 'required'
  for (const name of areClientsVerified ? (['TLS_CERT_FILE', 'TLS_CA_FILE'] as const) : []) {
    if (values[name] !== undefined) continue
    faults.push(`${name} is missing: set it to ${specs[name].desc}, or TLS_CLIENT_CERTIFICATES to none.`)
  }
  try {
    const files = openFiles('TLS', { cert, key, ca }, owner)
    return files && { files, ...(cert && { server: { files, areClientsVerified } }) }
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error
    faults.push(...error.faults)
    return undefined
  }
}

/**
 * The certificate of a port that people and partners call, apart from those between processes; undefined without: HTTP. The settings
 * are `<prefix>_CERT_FILE` and `<prefix>_KEY_FILE`. ConfigError when they cannot be used.
 */
export function openPublicTls(
  prefix: string,
  paths: { cert: string | undefined; key: string | undefined },
  owner: Owner,
): TlsFiles | undefined {
  return openFiles(prefix, paths, owner)
}

type Given = { [Part in keyof TlsPaths]: string | undefined }

function openFiles(prefix: string, given: Given, { name, logLevel }: Owner): TlsFiles | undefined {
  const paths: TlsPaths = {}
  for (const part of ['cert', 'key', 'ca'] as const) {
    const path = given[part]
    if (path !== undefined) paths[part] = { setting: `${prefix}_${part.toUpperCase()}_FILE`, path }
  }
  if ((paths.cert === undefined) !== (paths.key === undefined)) {
    const [missing, present] = paths.cert === undefined ? ['CERT', 'KEY'] : ['KEY', 'CERT']
    throw new ConfigError(
      `${prefix}_${missing}_FILE is missing: set it to the PEM file that goes with ${prefix}_${present}_FILE.`,
    )
  }
  return Object.keys(paths).length === 0 ? undefined : openTlsFiles(paths, createLogger(name, logLevel))
}
