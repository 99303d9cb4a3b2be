import { type CryptoKey, importJWK, type JWK, jwtVerify, SignJWT } from 'jose'
import type { ServiceName, ServicePrincipal, VerifiedToken } from './principal.ts'

const issuer = 'registrar'
const audience = 'registrar-internal'
/** The `typ` header of service tokens: what tells them from callers' tokens before anything is verified. */
export const serviceTokenType = 'registrar-service+jwt'
const lifetimeSeconds = 60
const renewBeforeSeconds = 20
const clockToleranceSeconds = 5
const names: readonly string[] = ['jobs-worker', 'operator'] satisfies ServiceName[]

/** Makes the tokens with which one of our processes calls the others; a token is used again until shortly before its end. */
export function createServiceTokenIssuer(privateJwk: JWK, service: ServiceName): () => Promise<string> {
  const key = importJWK(privateJwk, 'EdDSA')
  // Awaited on the first call; until then a bad key must not end the process as an unhandled rejection.
  key.catch(() => {})
  let current: { token: Promise<string>; renewAt: number } | undefined
  return () => {
    const now = Math.floor(Date.now() / 1000)
    if (current === undefined || now >= current.renewAt) {
      const token = key.then((signingKey) =>
        new SignJWT()
          .setProtectedHeader({ alg: 'EdDSA', typ: serviceTokenType })
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

/** Verifies a service token; rejects for any other token. */
export async function verifyServiceToken(
  token: string,
  publicKey: CryptoKey | Uint8Array,
): Promise<VerifiedToken<ServicePrincipal>> {
  const { payload } = await jwtVerify(token, publicKey, {
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
