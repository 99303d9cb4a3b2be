import { randomBytes } from 'node:crypto'
import { link, mkdir, open, readFile, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { exportJWK, generateKeyPair, type JWK } from 'jose'
import { ConfigError } from './config.ts'

/** Keys and passwords that a development machine makes for itself; one set in each data folder. */
export type DevelopmentKeys = {
  /** RS256: signs the tokens that `registrar token` mints. */
  jwtPrivateJwk: JWK
  /** The public half of it as a key set, the form of JWT_PUBLIC_SIGNING_JWK_SET. */
  jwksJson: string
  /** Ed25519: signs the tokens of our own processes. */
  servicePrivateJwk: JWK
  /** Signs result links. */
  linkSecret: string
  /** Of the embedded PostgreSQL. */
  postgresPassword: string
}

const developmentPrefix = 'development-'

/** Whether a key id or secret is one that `loadOrCreateDevelopmentKeys` made. */
export function isDevelopmentName(name: string | undefined): boolean {
  return name?.startsWith(developmentPrefix) ?? false
}

/** The issuer of the tokens that development keys sign. */
export const developmentIssuer = 'registrar-development'

/**
 * The development keys of a data folder, made on first use; processes that start at once agree on one set.
 *
 * ConfigError in production: whoever reads the folder could make itself anybody.
 */
export async function loadOrCreateDevelopmentKeys(
  dataDir: string,
  environment: string | undefined = process.env.NODE_ENV,
): Promise<DevelopmentKeys> {
  if (environment === 'production') {
    throw new ConfigError(
      'Development keys are refused when NODE_ENV is production: set the keys of your own.',
    )
  }
  const path = join(dataDir, 'development-keys.json')
  return (await readKeys(path)) ?? (await createKeys(dataDir, path))
}

async function readKeys(path: string): Promise<DevelopmentKeys | undefined> {
  let text: string
  try {
    text = await readFile(path, 'utf8')
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined
    throw new ConfigError(
      `${path} cannot be read (${(error as NodeJS.ErrnoException).code}): make it readable.`,
    )
  }
  try {
    const keys = JSON.parse(text) as DevelopmentKeys
    if (keys.jwtPrivateJwk.kty === 'RSA' && keys.servicePrivateJwk.kty === 'OKP' && keys.jwksJson) return keys
  } catch {
    // Told below, as any other content that is not ours.
  }
  throw new ConfigError(`${path} does not hold development keys: delete it and start again.`)
}

async function createKeys(dataDir: string, path: string): Promise<DevelopmentKeys> {
  await mkdir(dataDir, { recursive: true })
  const draft = `${path}.${randomBytes(6).toString('hex')}`
  const file = await open(draft, 'wx', 0o600)
  try {
    await file.writeFile(`${JSON.stringify(await makeKeys(), undefined, 2)}
`)
    // The password of a database is worth nothing half written.
    await file.sync()
  } finally {
    await file.close()
  }
  try {
    // A hard link appears whole and only once: whoever comes second reads what the first one made.
    await link(draft, path)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error
  } finally {
    await rm(draft, { force: true })
  }
  return (await readKeys(path)) as DevelopmentKeys
}

async function makeKeys(): Promise<DevelopmentKeys> {
  const jwt = await generateKeyPair('RS256', { modulusLength: 2048, extractable: true })
  const service = await generateKeyPair('EdDSA', { crv: 'Ed25519', extractable: true })
  const name = { kid: developmentPrefix + randomBytes(4).toString('hex'), use: 'sig' }
  return {
    jwtPrivateJwk: { ...(await exportJWK(jwt.privateKey)), ...name, alg: 'RS256' },
    jwksJson: JSON.stringify({ keys: [{ ...(await exportJWK(jwt.publicKey)), ...name, alg: 'RS256' }] }),
    servicePrivateJwk: { ...(await exportJWK(service.privateKey)), ...name, alg: 'EdDSA' },
    linkSecret: developmentPrefix + randomBytes(32).toString('base64url'),
    postgresPassword: randomBytes(24).toString('base64url'),
  }
}
