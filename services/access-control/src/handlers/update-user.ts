import { authorOf } from '#kit/author.ts'
import { collectFaults, limits } from '../domain/request-faults.ts'
import { tellUser } from '../messages.ts'
import type { Rpc } from '../rpc.ts'
import type { UserStore } from '../store/user-store.ts'

export function updateUser(users: UserStore): Rpc<'updateUser'> {
  return async ({ username, email, active, staff, superuser }, context) => {
    const faults = collectFaults()
    faults.checkText('username', username, limits.username)
    if (email !== undefined) faults.checkText('email', email, limits.email)
    faults.refuse()
    const user = await users.update(username, { email, active, staff, superuser }, authorOf(context))
    return { user: tellUser(user) }
  }
}
