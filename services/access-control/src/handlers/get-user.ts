import { collectFaults, limits } from '../domain/request-faults.ts'
import { tellUser } from '../messages.ts'
import type { Rpc } from '../rpc.ts'
import type { UserStore } from '../store/user-store.ts'

export function getUser(users: UserStore): Rpc<'getUser'> {
  return async ({ username }) => {
    const faults = collectFaults()
    faults.checkText('username', username, limits.username)
    faults.refuse()
    const { user, groupNames } = await users.get(username)
    return { user: tellUser(user), groupNames }
  }
}
