import { ConfigError } from '#kit/config.ts'
import { readProcessConfig } from '#kit/process-config.ts'
import { httpUrl, type LogLevel, optionalText, type PeerName, wholeNumber } from '#kit/settings.ts'
import type { TlsFiles } from '#kit/tls-files.ts'
import { openPublicTls } from '#kit/tls-settings.ts'
import type { UserTokenConfig } from '#kit/user-tokens.ts'

export type GatewayConfig = Readonly<{
  /** Where partners call; `tls` for HTTPS. */
  listen: { host: string; port: number; tls?: TlsFiles }
  logLevel: LogLevel
  /** What callers' tokens are verified with. */
  jwt: UserTokenConfig
  /** Where the services are. */
  peers: Readonly<Record<PeerName, string>>
  /** The certificates for calls to them. */
  tls: TlsFiles | undefined
  /** Prefix of every URL that the API hands out, without a slash at its end. */
  apiRoot: string
  /** Origins whose pages may call the API from a browser. */
  corsOrigins: readonly string[]
  /** Requests that a caller may send in a minute; 0 means any number. */
  rateLimit: number
}>

/** The only reader of the environment. ConfigError names everything that cannot be used. */
export async function readGatewayConfig(env: NodeJS.ProcessEnv): Promise<GatewayConfig> {
  const config = await readProcessConfig(env, {
    name: 'gateway',
    // A service token is for hops between our own processes; over REST it names nobody.
    needs: ['listen', 'userJwt'],
    peers: ['access-control', 'catalog', 'enrollment', 'jobs'],
    own: {
      API_ROOT: httpUrl(
        `${env.GATEWAY_TLS_CERT_FILE ? 'https' : 'http'}://127.0.0.1:${env.GATEWAY_PORT || 18734}/api`,
      ),
      GATEWAY_TLS_CERT_FILE: optionalText('a PEM file with the certificate that partners are shown'),
      GATEWAY_TLS_KEY_FILE: optionalText('the PEM file with the key of GATEWAY_TLS_CERT_FILE'),
      CORS_ORIGIN_WHITELIST: optionalText(
        'origins such as https://console.example.com, with commas between them',
      ),
      RATE_LIMIT: wholeNumber({ min: 0, max: 1_000_000, default: 0, unit: 'requests' }),
    },
  })
  const { host, port } = config.listen
  const { GATEWAY_TLS_CERT_FILE: cert, GATEWAY_TLS_KEY_FILE: key } = config.own
  const tls = openPublicTls('GATEWAY_TLS', { cert, key }, config)
  return Object.freeze({
    listen: { host, port, ...(tls && { tls }) },
    logLevel: config.logLevel,
    jwt: config.userJwt,
    peers: config.peers,
    tls: config.tls,
    apiRoot: config.own.API_ROOT,
    corsOrigins: readOrigins(config.own.CORS_ORIGIN_WHITELIST ?? ''),
    rateLimit: config.own.RATE_LIMIT,
  })
}

function readOrigins(list: string): string[] {
  const origins = list
    .split(',')
    .map((origin) => origin.trim())
    .filter((origin) => origin !== '')
  if (origins.some((origin) => !URL.canParse(origin) || new URL(origin).origin !== origin)) {
    throw new ConfigError(
      'CORS_ORIGIN_WHITELIST is not usable: set it to origins such as https://console.example.com, with commas between them.',
    )
  }
  return origins
}
