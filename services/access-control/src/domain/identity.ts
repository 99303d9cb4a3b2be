import { DomainError, Reason } from '#kit/errors.ts'

/** What a token tells about its bearer, in texts that can be stored; undefined where it is silent. */
export type Identity = { username: string; email?: string; administrator?: boolean }

/** What is known about a user of that name. */
export type KnownUser = { email: string; staff: boolean; active: boolean; invited: boolean }

/**
 * Whether anything must be written before the user is what the token says: the address, staff, or a promised membership. Never
 * for a user who is locked out.
 */
export function isOutdated(user: KnownUser, { email, administrator }: Identity): boolean {
  if (!user.active) return false
  const isChanged =
    (email !== undefined && email !== user.email) ||
    (administrator !== undefined && administrator !== user.staff)
  return isChanged || user.invited
}

/** USER_INACTIVE when an operator locked the user out. */
export function refuseInactive(user: Pick<KnownUser, 'active'>): void {
  if (!user.active) throw new DomainError(Reason.USER_INACTIVE, 'User inactive or deleted.')
}
