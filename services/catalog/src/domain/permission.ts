/** What can be held on a program, in the order in which permissions are told. */
export const programPermissions = [
  'read_metadata',
  'read_enrollments',
  'write_enrollments',
  'read_reports',
] as const

export type Permission = (typeof programPermissions)[number]

/** Everything that a user holds: everywhere, and by the id of an organization or of a program. */
export type Grants = {
  global: ReadonlySet<Permission>
  byOrganization: ReadonlyMap<string, ReadonlySet<Permission>>
  byProgram: ReadonlyMap<string, ReadonlySet<Permission>>
}

/** The one type of program that has enrollments, as Discovery writes it. */
export const typeWithEnrollments = 'Masters'

/** Whether a permission means something only where there are enrollments. */
export function concernsEnrollments(permission: Permission): boolean {
  return permission === 'read_enrollments' || permission === 'write_enrollments'
}

/**
 * What remains of the permissions that a user was given on a program. On a program that is not
 * exactly of the type with enrollments, or whose type is not known, nobody holds a permission on them, superusers included.
 */
export function effectiveOn(
  program: { type: string | null },
  isGiven: (permission: Permission) => boolean,
): Permission[] {
  const hasEnrollments = program.type === typeWithEnrollments
  return programPermissions.filter(
    (permission) => isGiven(permission) && (hasEnrollments || !concernsEnrollments(permission)),
  )
}

/** What a user holds on a program by all grants together. */
export function permissionsByGrants(
  program: { id: string; organizationId: string; type: string | null },
  grants: Grants,
): Permission[] {
  const onOrganization = grants.byOrganization.get(program.organizationId)
  const onProgram = grants.byProgram.get(program.id)
  return effectiveOn(
    program,
    (permission) =>
      grants.global.has(permission) ||
      onOrganization?.has(permission) === true ||
      onProgram?.has(permission) === true,
  )
}
