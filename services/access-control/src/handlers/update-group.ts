import { collectFaults, limits } from '../domain/request-faults.ts'
import { checkGroupRole } from '../domain/roles.ts'
import { tellGroup } from '../messages.ts'
import { readResource } from '../requests.ts'
import type { Rpc } from '../rpc.ts'
import type { GroupStore } from '../store/group-store.ts'

export function updateGroup(groups: GroupStore): Rpc<'updateGroup'> {
  return async ({ name, role, resource, newName }) => {
    const faults = collectFaults()
    faults.checkText('name', name, limits.groupName)
    if (newName !== undefined) faults.checkText('new_name', newName, limits.groupName)
    const newResource = readResource(faults, resource)
    faults.refuse()

    const group = await groups.update(name, newName ?? name, (current) => {
      const changed = { role: role ?? current.role, resource: newResource ?? current.resource }
      checkGroupRole(faults, changed)
      faults.refuse()
      return changed
    })
    return { group: tellGroup(group) }
  }
}
