import { authorOf } from '#kit/author.ts'
import { collectFaults, limits } from '../domain/request-faults.ts'
import { tellUser } from '../messages.ts'
import type { Rpc } from '../rpc.ts'
import type { UserStore } from '../store/user-store.ts'

export function createUser(users: UserStore): Rpc<'createUser'> {
  return async ({ username, email, staff, superuser, groupNames }, context) => {
    const faults = collectFaults()
    faults.checkText('username', username, limits.username)
    faults.checkText('email', email, limits.email)
    groupNames.forEach((name, index) => {
      faults.checkText(`group_names[${index}]`, name, limits.groupName)
    })
    if (new Set(groupNames).size < groupNames.length) faults.add('group_names', 'must not repeat a group')
    faults.refuse()
    const user = await users.create({ username, email, staff, superuser, groupNames }, authorOf(context))
    return { user: tellUser(user) }
  }
}
