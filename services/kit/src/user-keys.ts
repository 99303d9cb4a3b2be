import {
  createLocalJWKSet,
  createRemoteJWKSet,
  customFetch,
  errors,
  type JSONWebKeySet,
  type JWTVerifyGetKey,
} from 'jose'
import { ConfigError } from './config.ts'
import { DomainError, Reason } from './errors.ts'

const maximumSetBytes = 1_000_000
const fetchTimeoutMs = 3_000
const refreshMs = 600_000
const refetchPauseMs = 30_000
const failurePauseMs = 5_000
const staleMs = 3_600_000

/** Keys from a key set given as it is. */
export function readLocalKeys(jwks: JSONWebKeySet): JWTVerifyGetKey {
  try {
    return createLocalJWKSet(jwks)
  } catch {
    throw new ConfigError('JWT_PUBLIC_SIGNING_JWK_SET is not usable: set it to a JSON Web Key Set.')
  }
}

/**
 * Keys from a URL: fetched on first need and from then on every ten minutes in the background, so that no call waits for keys
 * that are known; for an unknown `kid` at most once in 30 seconds, so that made-up tokens cause no traffic. While the URL is
 * away it is asked again after 30 seconds, and the last keys are used for up to an hour; without any keys, UNAVAILABLE, and the
 * URL is left alone for five seconds after each failure.
 */
export function fetchRemoteKeys(url: URL): JWTVerifyGetKey {
  let failedAt = Number.NEGATIVE_INFINITY
  let fetchedAt = Number.NEGATIVE_INFINITY
  let lastKeys: JWTVerifyGetKey | undefined
  let nextRefresh: NodeJS.Timeout | undefined

  function refreshIn(ms: number): void {
    clearTimeout(nextRefresh)
    nextRefresh = setTimeout(() => void find.reload().catch(() => {}), ms).unref()
  }

  const find = createRemoteJWKSet(url, {
    timeoutDuration: fetchTimeoutMs,
    cooldownDuration: refetchPauseMs,
    cacheMaxAge: staleMs,
    [customFetch]: async (address, options) => {
      if (Date.now() - failedAt < failurePauseMs) throw new KeysAwayError('were away a moment ago')
      try {
        const text = await fetchText(address, options)
        lastKeys = createLocalJWKSet(JSON.parse(text))
        fetchedAt = Date.now()
        refreshIn(refreshMs)
        return new Response(text)
      } catch (cause) {
        failedAt = Date.now()
        if (lastKeys !== undefined) refreshIn(refetchPauseMs)
        throw new KeysAwayError('could not be fetched', { cause })
      }
    },
  })

  return async (header, token) => {
    try {
      return await find(header, token)
    } catch (error) {
      if (!(error instanceof KeysAwayError)) throw error
      if (lastKeys !== undefined && Date.now() - fetchedAt < staleMs) return lastKeys(header, token)
      throw new DomainError(Reason.UNAVAILABLE, 'the keys that tokens are verified with are away', {
        retryAfterSeconds: 5,
        cause: error,
      })
    }
  }
}

class KeysAwayError extends errors.JOSEError {}

async function fetchText(address: string, options: RequestInit): Promise<string> {
  const response = await fetch(address, options)
  if (response.status !== 200 || response.body === null) throw new Error(`status ${response.status}`)
  const chunks: Uint8Array[] = []
  let size = 0
  for await (const chunk of response.body) {
    size += chunk.byteLength
    if (size > maximumSetBytes) throw new Error('the key set is larger than 1 MB')
    chunks.push(chunk)
  }
  return Buffer.concat(chunks).toString('utf8')
}
