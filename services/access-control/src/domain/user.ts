/** A client of the system: a partner's or an internal service's account. */
export type User = {
  id: string
  username: string
  email: string
  active: boolean
  staff: boolean
  superuser: boolean
  createdAt: Date
  updatedAt: Date
}

/** What an operator says of a user to be made. */
export type NewUser = Pick<User, 'username' | 'email' | 'staff' | 'superuser'> & {
  groupNames: readonly string[]
}

/** What an operator changes of a user; what is undefined stays. */
export type UserChanges = Partial<Pick<User, 'email' | 'active' | 'staff' | 'superuser'>>
