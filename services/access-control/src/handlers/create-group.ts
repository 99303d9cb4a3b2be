import { authorOf } from '#kit/author.ts'
import { collectFaults, limits } from '../domain/request-faults.ts'
import { checkGroupRole } from '../domain/roles.ts'
import { tellGroup } from '../messages.ts'
import { readResource } from '../requests.ts'
import type { Rpc } from '../rpc.ts'
import type { GroupStore } from '../store/group-store.ts'

export function createGroup(groups: GroupStore): Rpc<'createGroup'> {
  return async ({ name, role, resource }, context) => {
    const faults = collectFaults()
    faults.checkText('name', name, limits.groupName)
    const groupRole = { role, resource: readResource(faults, resource) }
    checkGroupRole(faults, groupRole)
    faults.refuse()
    return { group: tellGroup(await groups.create(name, groupRole, authorOf(context))) }
  }
}
