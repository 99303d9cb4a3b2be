import { createHmac, createPrivateKey, createSign, type KeyObject } from 'node:crypto'
import type { JWK } from 'jose'

/** One part of a token, whatever it holds: no library makes the tokens that an attacker makes. */
export function part(value: unknown): string {
  return Buffer.from(typeof value === 'string' ? value : JSON.stringify(value)).toString('base64url')
}

/** Claims that a verifier of `createTestTokens` takes. */
export function claims() {
  const now = Math.floor(Date.now() / 1000)
  return { iss: 'test-issuer', aud: 'test-audience', iat: now, exp: now + 60, preferred_username: 'partner' }
}

/** A token signed by HMAC-SHA256, whatever its header says. */
export function signByHmac(header: object, key: string | Buffer): string {
  const input = `${part(header)}.${part(claims())}`
  return `${input}.${createHmac('sha256', key).update(input).digest('base64url')}`
}

/** A token signed by RSA-SHA256, whatever its parts hold. */
export function signByRsa(header: object, payload: string, key: JWK | KeyObject): string {
  const input = `${part(header)}.${part(payload)}`
  const privateKey =
    'type' in key && typeof key.type === 'string'
      ? (key as KeyObject)
      : createPrivateKey({ key: key as never, format: 'jwk' })
  return `${input}.${createSign('RSA-SHA256').update(input).sign(privateKey, 'base64url')}`
}
