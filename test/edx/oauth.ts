import { randomUUID } from 'node:crypto'
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import { exportJWK, generateKeyPair, type JWK, type JWTPayload, jwtVerify, SignJWT } from 'jose'

/** The key that the LMS signs its tokens with, and what it puts into them. */
export type TokenIssuer = {
  issuer: string
  audience: string
  keySet: { keys: JWK[] }
  /** The one client that gets tokens for itself. */
  client: { key: string; secret: string }
  /** How long the tokens of that client are good for, in seconds; may be changed. */
  lifetimeSeconds: number
  /** A token for somebody, good for an hour; claims given as undefined are left out. */
  mint(username: string, claims?: JWTPayload): Promise<string>
  /** The claims of a valid `JWT` or `Bearer` token; undefined for anything else. */
  verify(authorization: string | undefined): Promise<JWTPayload | undefined>
  /** From now on earlier tokens are refused, as after a change of keys. */
  revokeAll(): void
}

export async function createTokenIssuer(issuer: string): Promise<TokenIssuer> {
  const { privateKey, publicKey } = await generateKeyPair('RS256', { extractable: true })
  const kid = `edx-${randomUUID()}`
  const audience = 'openedx'
  let earliest = 0
  let made = 0
  return {
    issuer,
    audience,
    keySet: { keys: [{ ...(await exportJWK(publicKey)), kid, use: 'sig', alg: 'RS256' }] },
    client: { key: 'registrar-backend-service-key', secret: 'registrar-backend-service-secret' },
    lifetimeSeconds: 3_600,
    async mint(username, claims = {}) {
      const now = Math.floor(Date.now() / 1_000)
      made++
      const payload = {
        aud: audience,
        iss: issuer,
        iat: now,
        exp: now + 3_600,
        preferred_username: username,
        email: `${username}@example.org`,
        sub: username,
        scopes: ['user_id', 'profile', 'email'],
        version: '1.2.0',
        administrator: false,
        number: made,
        ...claims,
      }
      return new SignJWT(JSON.parse(JSON.stringify(payload)))
        .setProtectedHeader({ alg: 'RS256', kid })
        .sign(privateKey)
    },
    async verify(authorization = '') {
      const [, token] = /^(?:JWT|Bearer) (\S+)$/.exec(authorization) ?? []
      if (token === undefined) return undefined
      const verified = await jwtVerify(token, publicKey, { issuer, audience }).catch(() => undefined)
      const claims = verified?.payload
      return claims !== undefined && (claims.number as number) > earliest ? claims : undefined
    },
    revokeAll() {
      earliest = made
    },
  }
}

/** `POST /oauth2/access_token` by client credentials, and the public keys. */
export function routeOAuth(app: FastifyInstance, tokens: TokenIssuer): void {
  app.addContentTypeParser('application/x-www-form-urlencoded', { parseAs: 'string' }, (_, body, done) =>
    done(null, Object.fromEntries(new URLSearchParams(body as string))),
  )
  app.get('/oauth2/.well-known/jwks.json', () => tokens.keySet)
  app.post('/oauth2/access_token', async (request, reply) => {
    const form = (request.body ?? {}) as Record<string, string>
    if (form.grant_type !== 'client_credentials') {
      return reply.code(400).send({ error: 'unsupported_grant_type' })
    }
    if (form.client_id !== tokens.client.key || form.client_secret !== tokens.client.secret) {
      return reply.code(401).send({ error: 'invalid_client' })
    }
    if (form.token_type !== 'jwt') {
      return { access_token: randomUUID(), token_type: 'Bearer', expires_in: 3_600, scope: 'read write' }
    }
    const expires_in = tokens.lifetimeSeconds
    const access_token = await tokens.mint('registrar_worker', {
      administrator: true,
      exp: Math.floor(Date.now() / 1_000) + expires_in,
    })
    return { access_token, token_type: 'JWT', expires_in, scope: 'read write profile email user_id' }
  })
}

/** 401 without a valid token, 403 when its owner is not one of the site's own services. */
export function requireService(tokens: TokenIssuer) {
  return async (request: FastifyRequest, reply: FastifyReply) => {
    const claims = await tokens.verify(request.headers.authorization)
    if (claims === undefined) {
      const detail = 'Authentication credentials were not provided.'
      return reply.code(401).header('www-authenticate', 'JWT realm="api"').send({ detail })
    }
    if (claims.administrator !== true) {
      return reply.code(403).send({ detail: 'You do not have permission to perform this action.' })
    }
  }
}
