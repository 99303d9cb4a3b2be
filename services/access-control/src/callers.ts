import type { HandlerContext } from '@connectrpc/connect'
import { authorOf } from '#kit/author.ts'
import { principalOf } from '#kit/call-context.ts'
import { DomainError, Reason } from '#kit/errors.ts'
import { type Identity, isOutdated, refuseInactive } from './domain/identity.ts'
import { gatherHoldings, type HeldPermissions } from './domain/resolve-permissions.ts'
import type { CallerFacts, CallerStore } from './store/caller-store.ts'

/** The user who makes a call, with all that decides what the user may do. */
export type Caller = Omit<CallerFacts, 'holdings'> & { held: HeldPermissions }

/**
 * The user whom the token of a call names. Makes the user on the first call and brings it up to what the token says; when there is nothing
 * to write, which is nearly always, that is one read.
 *
 * `resourceIds` leaves out what is held on any other organization or program; undefined takes all. USER_INACTIVE.
 */
export type IdentifyCaller = (context: HandlerContext, resourceIds?: readonly string[]) => Promise<Caller>

export function createIdentifyCaller(store: CallerStore): IdentifyCaller {
  return async (context, resourceIds) => {
    const principal = principalOf(context)
    if (principal.kind !== 'user') {
      throw new DomainError(Reason.PERMISSION_DENIED, 'this is for users only')
    }
    const identity: Identity = principal
    let facts = await store.readFacts(identity, resourceIds)
    if (facts === undefined || isOutdated(facts, identity)) {
      await store.recordIdentity(identity, authorOf(context))
      facts = await store.readFacts(identity, resourceIds)
    }
    if (facts === undefined) throw new Error('a user who was just recorded is not there')
    refuseInactive(facts)
    const { holdings, ...user } = facts
    return { ...user, held: gatherHoldings(facts) }
  }
}
