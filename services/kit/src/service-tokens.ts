import {
  calculateJwkThumbprint,
  decodeProtectedHeader,
  errors,
  importJWK,
  type JSONWebKeySet,
  type JWK,
  jwtVerify,
  SignJWT,
} from 'jose'
import type { ServiceName, ServicePrincipal, VerifiedToken } from './principal.ts'

const issuer = 'registrar'
const audience = 'registrar-internal'
/** The `typ` header of service tokens: what tells them from callers' tokens before anything is verified. */
export const serviceTokenType = 'registrar-service+jwt'
const lifetimeSeconds = 60
const renewBeforeSeconds = 20
const clockToleranceSeconds = 5
const names: readonly string[] = ['jobs-worker', 'operator'] satisfies ServiceName[]

/**
 * Makes the tokens with which one of our processes calls the others; a token is used again until shortly before its end. It names
 * its key: by the key's `kid`, else by its thumbprint (RFC 7638).
 */
export function createServiceTokenIssuer(privateJwk: JWK, service: ServiceName): () => Promise<string> {
  const key = importNamed(privateJwk)
  // Awaited on the first call; until then a bad key must not end the process as an unhandled rejection.
  key.catch(() => {})
  let current: { token: Promise<string>; renewAt: number } | undefined
  return () => {
    const now = Math.floor(Date.now() / 1000)
    if (current === undefined || now >= current.renewAt) {
      const token = key.then(({ kid, key: signingKey }) =>
        new SignJWT()
          .setProtectedHeader({ alg: 'EdDSA', typ: serviceTokenType, kid })
          .setIssuer(issuer)
          .setAudience(audience)
          .setSubject(service)
          .setIssuedAt(now)
          .setExpirationTime(now + lifetimeSeconds)
          .sign(signingKey),
      )
      current = { token, renewAt: now + lifetimeSeconds - renewBeforeSeconds }
    }
    return current.token
  }
}

/** Verifies service tokens by any of the keys. What it returns rejects for any other token. */
export function createServiceTokenVerifier({
  keys,
}: JSONWebKeySet): (token: string) => Promise<VerifiedToken<ServicePrincipal>> {
  const named = Promise.all(keys.map(({ d: _, ...publicJwk }) => importNamed(publicJwk)))
  // Told to whoever awaits it; until then it must not end the process as an unhandled rejection.
  named.catch(() => {})
  return async (token) => {
    const { kid } = decodeProtectedHeader(token)
    const all = await named
    // A key may be called otherwise where it signs.
    const called = all.filter((each) => each.kid === kid)
    let failure: unknown = new Error('service tokens are not accepted here')
    for (const { key } of called.length > 0 ? called : all) {
      try {
        return await verifyBy(key, token)
      } catch (error) {
        if (!(error instanceof errors.JWSSignatureVerificationFailed)) throw error
        failure = error
      }
    }
    throw failure
  }
}

type ImportedKey = Awaited<ReturnType<typeof importJWK>>

async function importNamed(jwk: JWK): Promise<{ kid: string; key: ImportedKey }> {
  return { kid: jwk.kid ?? (await calculateJwkThumbprint(jwk)), key: await importJWK(jwk, 'EdDSA') }
}

async function verifyBy(key: ImportedKey, token: string): Promise<VerifiedToken<ServicePrincipal>> {
  const { payload } = await jwtVerify(token, key, {
    algorithms: ['EdDSA'],
    typ: serviceTokenType,
    issuer,
    audience,
    requiredClaims: ['exp', 'iat', 'sub'],
    clockTolerance: clockToleranceSeconds,
  })
  const { sub, exp, iat } = payload as { sub: string; exp: number; iat: unknown }
  if (typeof iat !== 'number' || exp - iat > lifetimeSeconds) throw new Error('lives longer than a minute')
  if (iat > Date.now() / 1000 + clockToleranceSeconds) throw new Error('issued in the future')
  if (!names.includes(sub)) throw new Error('not a service of ours')
  return { principal: Object.freeze({ kind: 'service', service: sub as ServiceName, token }), expiresAt: exp }
}
