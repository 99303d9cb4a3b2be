import { authorOf } from '#kit/author.ts'
import { collectFaults, limits } from '../domain/request-faults.ts'
import type { Rpc } from '../rpc.ts'
import type { GroupStore } from '../store/group-store.ts'

export function deleteGroup(groups: GroupStore): Rpc<'deleteGroup'> {
  return async ({ name }, context) => {
    const faults = collectFaults()
    faults.checkText('name', name, limits.groupName)
    faults.refuse()
    await groups.delete(name, authorOf(context))
    return {}
  }
}
