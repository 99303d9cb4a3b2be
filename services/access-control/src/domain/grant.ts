import type { Permission, Resource } from './permissions.ts'

/** To whom something is given. */
export type Subject = { kind: 'user'; username: string } | { kind: 'group'; name: string }

/** One permission of a user or a group, on a resource or, without one, globally. */
export type Grant = { permission: Permission; subject: Subject; resource?: Resource }
