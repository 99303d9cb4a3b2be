import { authorOf } from '#kit/author.ts'
import type { GroupRole } from '../domain/group.ts'
import { collectFaults, limits } from '../domain/request-faults.ts'
import { checkGroupRole } from '../domain/roles.ts'
import { tellGroup } from '../messages.ts'
import { readResource } from '../requests.ts'
import type { Rpc } from '../rpc.ts'
import type { GroupStore } from '../store/group-store.ts'

export function updateGroup(groups: GroupStore): Rpc<'updateGroup'> {
  return async ({ name, role, resource, newName }, context) => {
    const faults = collectFaults()
    faults.checkText('name', name, limits.groupName)
    if (newName !== undefined) faults.checkText('new_name', newName, limits.groupName)
    const newResource = readResource(faults, resource)
    faults.refuse()

    const change = (current: GroupRole): GroupRole => {
      const changed = { role: role ?? current.role, resource: newResource ?? current.resource }
      checkGroupRole(faults, changed)
      faults.refuse()
      return changed
    }
    const group = await groups.update(name, newName ?? name, change, authorOf(context))
    return { group: tellGroup(group) }
  }
}
