import { ConfigError } from '#kit/config.ts'
import { readProcessConfig } from '#kit/process-config.ts'
import { httpUrl, type LogLevel, optionalText, type PeerName, wholeNumber } from '#kit/settings.ts'
import type { JwtConfig } from '#kit/tokens.ts'

export type GatewayConfig = Readonly<{
  listen: { host: string; port: number }
  logLevel: LogLevel
  jwt: JwtConfig
  /** Where the services are. */
  peers: Readonly<Record<PeerName, string>>
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
    needs: ['listen', 'jwt'],
    peers: ['access-control', 'catalog', 'enrollment', 'jobs'],
    own: {
      API_ROOT: httpUrl(`http://127.0.0.1:${env.GATEWAY_PORT || 18734}/api`),
      CORS_ORIGIN_WHITELIST: optionalText(
        'origins such as https://console.example.com, with commas between them',
      ),
      RATE_LIMIT: wholeNumber({ min: 0, max: 1_000_000, default: 0, unit: 'requests' }),
    },
  })
  // A service token is for hops between our own processes; over REST it names nobody.
  const { servicePublicJwk: _, ...jwt } = config.jwt
  return Object.freeze({
    listen: config.listen,
    logLevel: config.logLevel,
    jwt,
    peers: config.peers,
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
