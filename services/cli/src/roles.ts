import { UsageError } from './refusal.ts'

export const organizationRoles = [
  'organization_read_metadata',
  'organization_read_enrollments',
  'organization_read_write_enrollments',
  'organization_read_reports',
] as const

export const programRoles = [
  'program_read_metadata',
  'program_read_enrollments',
  'program_read_write_enrollments',
  'program_read_reports',
] as const

const roles: readonly string[] = [...organizationRoles, ...programRoles]

/** Refuses a role that does not exist or does not go with the kind of thing that was named, if one was. */
export function assertRole(
  role: string,
  { organization, program }: { organization?: string; program?: string },
): void {
  if (!roles.includes(role)) throw new UsageError(`${role} is no role: use one of ${roles.join(', ')}.`)
  const kind = role.startsWith('organization_') ? 'organization' : 'program'
  const other = kind === 'organization' ? program && 'program' : organization && 'organization'
  if (other !== undefined) throw new UsageError(`The role ${role} does not go with --${other}.`)
}
