import { createHmac, timingSafeEqual } from 'node:crypto'
import type { LinkOptions, ObjectLinks } from './storage.ts'

/** Links to the gateway, for a storage that hands out none itself: `<apiRoot>/media/<bucket>/<key>?expires=…&signature=…`. */
export function createSignedLinks(options: LinkOptions): ObjectLinks {
  return {
    async linkTo(bucket, key) {
      const expires = Math.floor(Date.now() / 1000) + options.ttlSeconds
      const path = [bucket, ...key.split('/')].map(encodeURIComponent).join('/')
      const signature = sign(options.secret, bucket, key, expires)
      const url = `${options.apiRoot}/media/${path}?expires=${expires}&signature=${signature}`
      return { url, expiresAt: new Date(expires * 1000) }
    },
  }
}

/** Whether we signed this and it has not expired (`expires` and `now` in seconds since 1970). Takes the same time for all signatures. */
export function isSigned(
  secret: string,
  link: { bucket: string; key: string; expires: number; signature: string },
  now: number,
): boolean {
  const right = Buffer.from(sign(secret, link.bucket, link.key, link.expires))
  const given = Buffer.from(link.signature)
  return given.length === right.length && timingSafeEqual(given, right) && now < link.expires
}

function sign(secret: string, bucket: string, key: string, expires: number): string {
  return createHmac('sha256', secret)
    .update(JSON.stringify([bucket, key, expires]))
    .digest('base64url')
}
