import type { JSONWebKeySet, JWK } from 'jose'
import { collectConfig } from './config.ts'
import { type DevelopmentKeys, developmentIssuer, isDevelopmentName } from './keys.ts'
import { optionalHttpUrl, optionalJson, optionalText, text } from './settings.ts'
import type { JwtConfig } from './tokens.ts'
import type { UserTokenConfig } from './user-tokens.ts'

/** What the readers below read from and write to. */
export type Reading = {
  env: NodeJS.ProcessEnv
  name: string
  isProduction: boolean
  /** The development keys, made when first asked for; undefined in production. */
  developmentKeys: () => Promise<DevelopmentKeys | undefined>
  faults: string[]
}

const keySetSpec = optionalJson<JSONWebKeySet>(
  'a JSON Web Key Set with RSA keys, {"keys": […]}',
  ({ keys }) => Array.isArray(keys) && keys.length > 0 && keys.every((key) => typeof key?.kty === 'string'),
)
const publicKeysSpec = optionalJson<JWK | JSONWebKeySet>(
  'the public half of SERVICE_PRIVATE_KEY, as JWK JSON, or to a key set with it, {"keys": […]}',
  (value) => keysIn(value).length > 0 && keysIn(value).every(isEd25519),
)
const privateKeySpec = optionalJson<JWK>(
  'a private Ed25519 key, as JWK JSON',
  (key) => isEd25519(key) && typeof key.d === 'string',
)

/** JWT_* and SERVICE_PUBLIC_KEY. */
export async function readJwt(reading: Reading): Promise<JwtConfig> {
  const users = await readUserJwt(reading)
  const serviceKeys = await readServiceKeys(reading)
  return { ...users, serviceKeys }
}

/** JWT_*. */
export async function readUserJwt({
  env,
  isProduction,
  developmentKeys,
  faults,
}: Reading): Promise<UserTokenConfig> {
  const before = faults.length
  const values = collectConfig(
    env,
    {
      JWT_ISSUER: optionalText('the `iss` claim of the tokens'),
      JWT_AUDIENCE: text('the `aud` claim of the tokens', 'registrar'),
      JWT_PUBLIC_SIGNING_JWK_SET: keySetSpec,
      JWT_JWKS_URL: optionalHttpUrl(),
      JWT_SECRET_KEY: optionalText('a secret of 32 bytes or more'),
    },
    faults,
  )
  const { JWT_JWKS_URL: jwksUrl, JWT_SECRET_KEY: secret } = values
  let jwks = values.JWT_PUBLIC_SIGNING_JWK_SET
  let issuer = values.JWT_ISSUER
  if (secret !== undefined && Buffer.byteLength(secret) < 32) {
    faults.push('JWT_SECRET_KEY is too short: set it to a secret of 32 bytes or more.')
  }
  // Development keys stand in for what is missing, not for what is wrong.
  const isIncomplete = (!jwks && !jwksUrl) || !issuer
  const keys = isIncomplete && faults.length === before ? await developmentKeys() : undefined
  if (keys !== undefined) {
    if (!jwks && !jwksUrl) jwks = JSON.parse(keys.jwksJson)
    issuer ??= developmentIssuer
  }
  if (isProduction && faults.length === before) {
    if (!jwks && !jwksUrl && !secret) faults.push(nothingToVerifyWith)
    if (!issuer) faults.push('JWT_ISSUER is missing: set it to the `iss` claim of the tokens.')
    if (jwks?.keys.some(({ kid }) => isDevelopmentName(kid)))
      faults.push(refused('JWT_PUBLIC_SIGNING_JWK_SET'))
  }
  return {
    issuer: issuer ?? '',
    audience: values.JWT_AUDIENCE,
    ...(jwks && { jwks }),
    ...(jwksUrl && { jwksUrl: new URL(jwksUrl) }),
    ...(secret && { secret }),
  }
}

const nothingToVerifyWith =
  'No token could be verified: set JWT_PUBLIC_SIGNING_JWK_SET to the key set of the LMS, JWT_JWKS_URL to its address, or JWT_SECRET_KEY to a shared secret.'

async function readServiceKeys(reading: Reading): Promise<JSONWebKeySet> {
  const { env, isProduction, developmentKeys, faults } = reading
  const before = faults.length
  const values = collectConfig(
    env,
    { SERVICE_PUBLIC_KEY: publicKeysSpec, SERVICE_PRIVATE_KEY: privateKeySpec },
    faults,
  )
  if (faults.length > before) return { keys: [] }
  const given =
    values.SERVICE_PUBLIC_KEY ?? values.SERVICE_PRIVATE_KEY ?? (await developmentKeys())?.servicePrivateJwk
  if (given === undefined) faults.push(`SERVICE_PUBLIC_KEY is missing: set it to ${publicKeysSpec.desc}.`)
  const keys = given === undefined ? [] : keysIn(given)
  if (isProduction && keys.some(({ kid }) => isDevelopmentName(kid)))
    faults.push(refused('SERVICE_PUBLIC_KEY'))
  return { keys: keys.map(publicHalf) }
}

/** SERVICE_PRIVATE_KEY. */
export async function readServiceKey(reading: Reading): Promise<{ privateJwk: JWK }> {
  const { env, isProduction, developmentKeys, faults } = reading
  const before = faults.length
  const given = collectConfig(env, { SERVICE_PRIVATE_KEY: privateKeySpec }, faults).SERVICE_PRIVATE_KEY
  if (faults.length > before) return { privateJwk: {} }
  const privateJwk = given ?? (await developmentKeys())?.servicePrivateJwk
  if (privateJwk === undefined)
    faults.push(`SERVICE_PRIVATE_KEY is missing: set it to ${privateKeySpec.desc}.`)
  else if (isProduction && isDevelopmentName(privateJwk.kid)) faults.push(refused('SERVICE_PRIVATE_KEY'))
  return { privateJwk: privateJwk ?? {} }
}

/** RESULT_LINK_SECRET. */
export async function readResultLinks({
  env,
  isProduction,
  developmentKeys,
  faults,
}: Reading): Promise<{ secret: string }> {
  const wanted = 'a secret of 32 characters or more'
  const given = collectConfig(env, { RESULT_LINK_SECRET: optionalText(wanted) }, faults).RESULT_LINK_SECRET
  const secret = given ?? (await developmentKeys())?.linkSecret
  if (secret === undefined) faults.push(`RESULT_LINK_SECRET is missing: set it to ${wanted}.`)
  else if (secret.length < 32) faults.push(`RESULT_LINK_SECRET is too short: set it to ${wanted}.`)
  else if (isProduction && isDevelopmentName(secret)) faults.push(refused('RESULT_LINK_SECRET'))
  return { secret: secret ?? '' }
}

function refused(name: string): string {
  return `${name} is a development key, which is refused in production: set it to one of your own.`
}

function keysIn(value: JWK | JSONWebKeySet): JWK[] {
  if (!('keys' in value)) return [value as JWK]
  return Array.isArray(value.keys) ? value.keys : []
}

function isEd25519(key: JWK): boolean {
  return key?.kty === 'OKP' && key.crv === 'Ed25519' && typeof key.x === 'string'
}

function publicHalf({ d: _, ...rest }: JWK): JWK {
  return rest
}
