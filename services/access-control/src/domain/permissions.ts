/** What a caller may do on a program, or on every program of an organization. */
export const resourcePermissions = [
  'read_metadata',
  'read_enrollments',
  'write_enrollments',
  'read_reports',
] as const

/** Every permission, in the order in which they are told. `job_global_read` is about no program: it is only held globally. */
export const permissions = [...resourcePermissions, 'job_global_read'] as const

export type Permission = (typeof permissions)[number]

/** What a role or a grant is about. Ids are lower-case uuids of the catalog. */
export type Resource = { kind: 'organization' | 'program'; id: string }

/** Whether a permission can be granted there; no resource means globally. */
export function isGrantable(permission: Permission, resource: Resource | undefined): boolean {
  return resource === undefined || resourcePermissions.some((each) => each === permission)
}
