import type { Resource } from './permissions.ts'

/** A set of users. With a role and a resource its members hold the role there; a plain group has neither. */
export type Group = {
  id: string
  name: string
  role?: string
  resource?: Resource
  memberCount: number
  createdAt: Date
  updatedAt: Date
}

/** A group's role and its resource, or neither; an empty role is none. */
export type GroupRole = Pick<Group, 'role' | 'resource'>
