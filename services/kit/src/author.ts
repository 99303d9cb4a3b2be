import type { HandlerContext } from '@connectrpc/connect'
import { principalOf, requestIdOf } from './call-context.ts'
import type { ServiceName } from './principal.ts'

/** Metadata by which the jobs worker says whose job it is doing: a username, percent-encoded. Means nothing from anybody else. */
export const onBehalfOfHeader = 'x-on-behalf-of'

/** Who makes a change, for the audit trail. */
export type Author = {
  readonly kind: 'user' | 'service'
  /** Username, or the name of the service. */
  readonly name: string
  /** The service that does it on the user's behalf; null when the user calls. */
  readonly via: ServiceName | null
  readonly requestId: string
}

/** Who makes the change that is being served. */
export function authorOf(context: Pick<HandlerContext, 'values' | 'requestHeader'>): Author {
  const principal = principalOf(context)
  const requestId = requestIdOf(context)
  if (principal.kind === 'user') return { kind: 'user', name: principal.username, via: null, requestId }
  const { service } = principal
  const owner = service === 'jobs-worker' ? decode(context.requestHeader.get(onBehalfOfHeader)) : undefined
  return owner === undefined
    ? { kind: 'service', name: service, via: null, requestId }
    : { kind: 'user', name: owner, via: service, requestId }
}

/** The header of a call that is made on somebody's behalf. */
export function onBehalfOf(username: string): Record<string, string> {
  return { [onBehalfOfHeader]: encodeURIComponent(username) }
}

function decode(header: string | null): string | undefined {
  return header === null ? undefined : decodeURIComponent(header)
}
