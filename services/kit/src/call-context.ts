import { type CallOptions, type ContextKey, createContextKey, type HandlerContext } from '@connectrpc/connect'
import { DomainError, Reason } from './errors.ts'
import type { Principal } from './principal.ts'

/** Who calls; undefined on the RPCs that take no token. */
export const principalKey: ContextKey<Principal | undefined> = createContextKey<Principal | undefined>(
  undefined,
  {
    description: 'principal',
  },
)

/** The id that ties the log lines of one request together, across processes. */
export const requestIdKey: ContextKey<string> = createContextKey('', { description: 'request id' })

/** When the call must have ended, in milliseconds since 1970. */
export const deadlineKey: ContextKey<number> = createContextKey(Number.POSITIVE_INFINITY, {
  description: 'deadline',
})

export const requestIdHeader = 'x-request-id'

/** Who calls. CREDENTIALS_MISSING on an RPC that takes no token. */
export function principalOf(context: Pick<HandlerContext, 'values'>): Principal {
  const principal = context.values.get(principalKey)
  if (principal === undefined) {
    throw new DomainError(Reason.CREDENTIALS_MISSING, 'Authentication credentials were not provided.')
  }
  return principal
}

/** The id of the request that is being served. */
export function requestIdOf(context: Pick<HandlerContext, 'values'>): string {
  return context.values.get(requestIdKey)
}

/**
 * What every call made on behalf of the caller takes along: the caller's token, the request id, the time that is left
 * and the signal that ends it when the caller goes away.
 */
export function callOptionsOf(context: Pick<HandlerContext, 'values' | 'signal'>): CallOptions {
  const principal = context.values.get(principalKey)
  const headers: Record<string, string> = { [requestIdHeader]: context.values.get(requestIdKey) }
  if (principal !== undefined) headers.authorization = `Bearer ${principal.token}`
  const deadline = context.values.get(deadlineKey)
  return {
    headers,
    signal: context.signal,
    // 0 would mean "no limit" to Connect.
    ...(Number.isFinite(deadline) ? { timeoutMs: Math.max(1, deadline - Date.now()) } : {}),
  }
}
