import { existsSync } from 'node:fs'
import type { JWK } from 'jose'
import { ConfigError } from '#kit/config.ts'
import { developmentIssuer, loadOrCreateDevelopmentKeys } from '#kit/keys.ts'
import { readProcessConfig } from '#kit/process-config.ts'
import { Refusal } from './refusal.ts'

/** The services whose tables `registrar migrate` brings up to date. */
export const migratedServices = ['access-control', 'catalog', 'enrollment', 'jobs'] as const
export type MigratedService = (typeof migratedServices)[number]

/** SERVICE_PRIVATE_KEY; ACCESS_CONTROL_, CATALOG_, ENROLLMENT_ and JOBS_URL or _PORT; REGISTRAR_DATA_DIR. */
export async function readConnectionConfig(env: NodeJS.ProcessEnv) {
  if (!env.SERVICE_PRIVATE_KEY) assertDataFolder(env, 'SERVICE_PRIVATE_KEY')
  return readProcessConfig(env, {
    name: 'registrar',
    needs: ['serviceKey'],
    peers: ['access-control', 'catalog', 'enrollment', 'jobs'],
  })
}

/** DATABASE_URL or <SERVICE>_DATABASE_URL, else the embedded PostgreSQL: POSTGRES_PORT, REGISTRAR_DATA_DIR. */
export async function readDatabaseUrls(env: NodeJS.ProcessEnv): Promise<Record<MigratedService, string>> {
  const isSet = (name: MigratedService) => env[`${name.toUpperCase().replace('-', '_')}_DATABASE_URL`]
  if (!env.DATABASE_URL && !migratedServices.every(isSet)) assertDataFolder(env, 'DATABASE_URL')
  const urls = {} as Record<MigratedService, string>
  for (const name of migratedServices) {
    urls[name] = (await readProcessConfig(env, { name, needs: ['database'] })).database.url
  }
  return urls
}

/** What `registrar token` signs with, and the claims by which the services know the token as theirs. */
export type TokenConfig = { privateJwk: JWK; issuer: string; audience: string }

/** JWT_ISSUER, JWT_AUDIENCE, REGISTRAR_DATA_DIR. Refused unless the services trust the development keys. */
export async function readTokenConfig(env: NodeJS.ProcessEnv): Promise<TokenConfig> {
  if (env.NODE_ENV === 'production') {
    throw new Refusal(
      'Tokens are minted with development keys, which production refuses: NODE_ENV is production.',
    )
  }
  assertDataFolder(env)
  const { userJwt: jwt, dataDir } = await readProcessConfig(env, { name: 'registrar', needs: ['userJwt'] })
  const { jwtPrivateJwk } = await loadOrCreateDevelopmentKeys(dataDir, env.NODE_ENV)
  if (!jwt.jwks?.keys.some(({ n }) => n === jwtPrivateJwk.n)) {
    const setting = jwt.jwks === undefined ? 'JWT_JWKS_URL' : 'JWT_PUBLIC_SIGNING_JWK_SET'
    throw new Refusal(
      `${setting} names other keys than the development keys: get a token where those keys are.`,
    )
  }
  return { privateJwk: jwtPrivateJwk, issuer: jwt.issuer || developmentIssuer, audience: jwt.audience }
}

// Keys made here and now would open nothing: no service has them. Somebody who names a folder means it.
function assertDataFolder(env: NodeJS.ProcessEnv, instead?: string): void {
  if (env.NODE_ENV === 'production' || env.REGISTRAR_DATA_DIR || existsSync('.registrar')) return
  const settings = ['REGISTRAR_DATA_DIR', ...(instead === undefined ? [] : [instead])].join(' or ')
  throw new ConfigError(
    `There is no folder .registrar here: run this where the system was started, or set ${settings}.`,
  )
}
