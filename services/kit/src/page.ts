import { DomainError, Reason } from './errors.ts'

/** An opaque page token for the position that the next page starts from; url-safe, not secret, not signed. */
export function encodePageToken(value: unknown): string {
  return Buffer.from(JSON.stringify(value)).toString('base64url')
}

/**
 * The position that a page token stands for.
 *
 * A caller can forge a token, so the position may hold anything: check its parts before they reach a query, and never
 * let it widen what the caller may see. PAGE_TOKEN_INVALID when it is not one that `encodePageToken` makes, or when
 * `isValid` refuses it.
 */
export function decodePageToken<T>(token: string, isValid: (value: unknown) => boolean = () => true): T {
  let value: unknown
  try {
    if (!/^[A-Za-z0-9_-]{1,4096}$/.test(token)) throw new Error('not base64url')
    value = JSON.parse(Buffer.from(token, 'base64url').toString('utf8'))
  } catch {
    throw invalidPageToken()
  }
  if (!isValid(value)) throw invalidPageToken()
  return value as T
}

function invalidPageToken(): DomainError {
  return new DomainError(Reason.PAGE_TOKEN_INVALID, 'page_token is not one that this call handed out', {
    fields: [{ field: 'page_token', description: 'is not one that this call handed out' }],
  })
}

/** The page size to use: the default when none was asked for, at most the maximum. INVALID_ARGUMENT when negative. */
export function pageSizeOf(asked: number, limits: { default: number; maximum: number }): number {
  if (asked < 0) {
    const fields = [{ field: 'page_size', description: 'must not be negative' }]
    throw new DomainError(Reason.INVALID_ARGUMENT, 'page_size must not be negative', { fields })
  }
  return asked === 0 ? limits.default : Math.min(asked, limits.maximum)
}
