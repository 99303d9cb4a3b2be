import { authorOf } from '#kit/author.ts'
import { collectFaults, limits } from '../domain/request-faults.ts'
import type { Rpc } from '../rpc.ts'
import type { MembershipStore } from '../store/membership-store.ts'

export function addGroupMember(memberships: MembershipStore): Rpc<'addGroupMember'> {
  return async ({ username, groupName }, context) => {
    const faults = collectFaults()
    faults.checkText('username', username, limits.username)
    faults.checkText('group_name', groupName, limits.groupName)
    faults.refuse()
    await memberships.add(username, groupName, authorOf(context))
    return {}
  }
}
