import { authorOf } from '#kit/author.ts'
import { readGrant } from '../requests.ts'
import type { Rpc } from '../rpc.ts'
import type { GrantStore } from '../store/grant-store.ts'

export function grantPermission(grants: GrantStore): Rpc<'grantPermission'> {
  return async (request, context) => {
    await grants.grant(readGrant(request), authorOf(context))
    return {}
  }
}
