import type { IdentifyCaller } from '../callers.ts'
import { listAccessibleResources as list } from '../domain/resolve-permissions.ts'
import { tellCaller, tellResourcePermissions } from '../messages.ts'
import type { Rpc } from '../rpc.ts'

export function listAccessibleResources(identifyCaller: IdentifyCaller): Rpc<'listAccessibleResources'> {
  return async (_request, context) => {
    const caller = await identifyCaller(context)
    return { caller: tellCaller(caller), resources: list(caller.held).map(tellResourcePermissions) }
  }
}
