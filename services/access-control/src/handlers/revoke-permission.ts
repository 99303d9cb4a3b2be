import { authorOf } from '#kit/author.ts'
import { readGrant } from '../requests.ts'
import type { Rpc } from '../rpc.ts'
import type { GrantStore } from '../store/grant-store.ts'

export function revokePermission(grants: GrantStore): Rpc<'revokePermission'> {
  return async (request, context) => {
    await grants.revoke(readGrant(request), authorOf(context))
    return {}
  }
}
