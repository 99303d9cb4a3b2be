import { readFileSync } from 'node:fs'
import { ConfigError } from '#kit/config.ts'
import { optionalText, port, text } from '#kit/settings.ts'
import { type CodecKeys, codecKeySpecs, readCodecKeys } from './codec-keys.ts'

/** The settings that say where Temporal is; all optional. */
export const temporalSpecs = {
  TEMPORAL_ADDRESS: optionalText('the address of Temporal, host:port'),
  TEMPORAL_PORT: port(7233),
  TEMPORAL_NAMESPACE: text('a namespace of Temporal', 'default'),
  TEMPORAL_API_KEY: optionalText('an API key of Temporal Cloud'),
  TEMPORAL_TLS: optionalText('`true` for TLS without certificates of our own'),
  TEMPORAL_TLS_SERVER_NAME: optionalText('the name in the certificate of Temporal'),
  TEMPORAL_TLS_SERVER_CA_CERT_PATH: optionalText('a PEM file with the authority of that certificate'),
  TEMPORAL_TLS_CLIENT_CERT_PATH: optionalText('a PEM file with our certificate'),
  TEMPORAL_TLS_CLIENT_KEY_PATH: optionalText('a PEM file with the key of our certificate'),
  ...codecKeySpecs,
}

type TemporalSettings = {
  [Name in keyof typeof temporalSpecs]: Name extends 'TEMPORAL_PORT' ? number : string | undefined
}

/** How to reach Temporal, in the form that both of its clients take, and what to encrypt with. */
export type TemporalConfig = {
  address: string
  namespace: string
  apiKey?: string
  tls?: {
    serverNameOverride?: string
    serverRootCACertificate?: Buffer
    clientCertPair?: { crt: Buffer; key: Buffer }
  }
  codecKeys?: CodecKeys
}

/** Without TEMPORAL_ADDRESS: the development server at TEMPORAL_PORT, which in production nobody has started. */
export function readTemporalConfig(settings: TemporalSettings, isProduction: boolean): TemporalConfig {
  const { TEMPORAL_ADDRESS: address, TEMPORAL_API_KEY: apiKey } = settings
  if (address === undefined && isProduction) {
    throw new ConfigError('TEMPORAL_ADDRESS is missing: set it to the address of Temporal, host:port.')
  }
  const tls = readTls(settings)
  const codecKeys = readCodecKeys(settings)
  return {
    address: address ?? `127.0.0.1:${settings.TEMPORAL_PORT}`,
    namespace: settings.TEMPORAL_NAMESPACE ?? 'default',
    ...(apiKey !== undefined && { apiKey }),
    ...(tls !== undefined && { tls }),
    ...(codecKeys !== undefined && { codecKeys }),
  }
}

function readTls(settings: TemporalSettings): TemporalConfig['tls'] {
  const name = settings.TEMPORAL_TLS_SERVER_NAME
  const authority = readPem(settings, 'TEMPORAL_TLS_SERVER_CA_CERT_PATH')
  const crt = readPem(settings, 'TEMPORAL_TLS_CLIENT_CERT_PATH')
  const key = readPem(settings, 'TEMPORAL_TLS_CLIENT_KEY_PATH')
  if ((crt === undefined) !== (key === undefined)) {
    const [missing, given] = crt === undefined ? ['CERT', 'KEY'] : ['KEY', 'CERT']
    throw new ConfigError(
      `TEMPORAL_TLS_CLIENT_${missing}_PATH is missing: set it to the file that goes with TEMPORAL_TLS_CLIENT_${given}_PATH.`,
    )
  }
  const isWanted = settings.TEMPORAL_TLS === 'true' || settings.TEMPORAL_API_KEY !== undefined
  if (!isWanted && (name ?? authority ?? crt) === undefined) return undefined
  return {
    ...(name !== undefined && { serverNameOverride: name }),
    ...(authority !== undefined && { serverRootCACertificate: authority }),
    ...(crt !== undefined && key !== undefined && { clientCertPair: { crt, key } }),
  }
}

function readPem(
  settings: TemporalSettings,
  name: Extract<keyof TemporalSettings, `${string}_PATH`>,
): Buffer | undefined {
  const path = settings[name]
  if (path === undefined) return undefined
  try {
    return readFileSync(path)
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException
    throw new ConfigError(
      `${name} cannot be read (${code}): set it to a PEM file that this process may read.`,
    )
  }
}
