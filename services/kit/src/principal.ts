/** A process of ours that may call under its own name. */
export type ServiceName = 'jobs-worker' | 'operator'

/** A person, named by a verified token. */
export type UserPrincipal = {
  kind: 'user'
  username: string
  email?: string
  /** Undefined when the token does not say. */
  administrator?: boolean
  /** The token says `is_restricted`: nothing is served to it. */
  restricted: boolean
  /** The token as it came, without its scheme; never logged. */
  token: string
}

/** A process of ours, named by a verified service token. */
export type ServicePrincipal = { kind: 'service'; service: ServiceName; token: string }

/** Who calls. */
export type Principal = UserPrincipal | ServicePrincipal

/** A verified token: whom it names, and when it ends (seconds since 1970). */
export type VerifiedToken<P extends Principal> = { principal: P; expiresAt: number }
