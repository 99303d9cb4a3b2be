import { exportJWK, generateKeyPair, type JWK, type JWTPayload, SignJWT } from 'jose'
import { createServiceTokenIssuer, type JwtConfig, type ServiceName } from '../tokens.ts'

/** Keys for a test, and tokens that they sign. */
export type TestTokens = {
  config: JwtConfig
  privateJwk: JWK
  kid: string
  servicePrivateJwk: JWK
  servicePublicJwk: JWK
  /** A valid token, without its scheme; a claim given as undefined is left out. */
  mint(claims?: JWTPayload, header?: { alg?: string; kid?: string; [name: string]: unknown }): Promise<string>
  /** A valid service token, without its scheme. */
  mintService(service: ServiceName): Promise<string>
}

/** Makes a fresh set of keys, with the configuration of a verifier that trusts them. */
export async function createTestTokens(): Promise<TestTokens> {
  const kid = 'test-key'
  const { privateKey, publicKey } = await generateKeyPair('RS256', { extractable: true })
  const service = await generateKeyPair('EdDSA', { crv: 'Ed25519', extractable: true })
  const privateJwk = await exportJWK(privateKey)
  const servicePrivateJwk = await exportJWK(service.privateKey)
  const servicePublicJwk = await exportJWK(service.publicKey)
  return {
    config: {
      issuer: 'test-issuer',
      audience: 'test-audience',
      jwks: { keys: [{ ...(await exportJWK(publicKey)), kid, use: 'sig' }] },
      serviceKeys: { keys: [servicePublicJwk] },
    },
    privateJwk,
    kid,
    servicePrivateJwk,
    servicePublicJwk,
    mint(claims = {}, header = {}) {
      const now = Math.floor(Date.now() / 1000)
      return new SignJWT({
        iss: 'test-issuer',
        aud: 'test-audience',
        iat: now,
        exp: now + 3600,
        preferred_username: 'partner',
        ...claims,
      })
        .setProtectedHeader({ alg: 'RS256', kid, ...header })
        .sign(privateJwk)
    },
    mintService: (name) => createServiceTokenIssuer(servicePrivateJwk, name)(),
  }
}
