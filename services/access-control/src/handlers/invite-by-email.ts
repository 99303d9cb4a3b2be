import { authorOf } from '#kit/author.ts'
import { collectFaults, limits } from '../domain/request-faults.ts'
import type { Rpc } from '../rpc.ts'
import type { MembershipStore } from '../store/membership-store.ts'

export function inviteByEmail(memberships: MembershipStore): Rpc<'inviteByEmail'> {
  return async ({ email, groupName }, context) => {
    const faults = collectFaults()
    faults.checkText('email', email, limits.invitedEmail)
    faults.checkText('group_name', groupName, limits.groupName)
    faults.refuse()
    return { joined: await memberships.invite(email, groupName, authorOf(context)) }
  }
}
