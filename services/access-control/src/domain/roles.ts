import type { GroupRole } from './group.ts'
import type { Permission, Resource } from './permissions.ts'
import type { RequestFaults } from './request-faults.ts'

/** What a role gives to the members of a group, and on which kind of resource. */
type RoleMeaning = { on: Resource['kind']; gives: readonly Permission[] }

// Reports and enrollments stay apart: who needs both is in two groups.
const meanings = {
  organization_read_metadata: { on: 'organization', gives: ['read_metadata'] },
  organization_read_enrollments: { on: 'organization', gives: ['read_metadata', 'read_enrollments'] },
  organization_read_write_enrollments: {
    on: 'organization',
    gives: ['read_metadata', 'read_enrollments', 'write_enrollments'],
  },
  organization_read_reports: { on: 'organization', gives: ['read_metadata', 'read_reports'] },
  program_read_metadata: { on: 'program', gives: ['read_metadata'] },
  program_read_enrollments: { on: 'program', gives: ['read_metadata', 'read_enrollments'] },
  program_read_write_enrollments: {
    on: 'program',
    gives: ['read_metadata', 'read_enrollments', 'write_enrollments'],
  },
  program_read_reports: { on: 'program', gives: ['read_metadata', 'read_reports'] },
} as const satisfies Record<string, RoleMeaning>

export type Role = keyof typeof meanings

export const roles = Object.keys(meanings) as Role[]

/** What a role gives on a resource: nothing when it is unknown or meant for the other kind of resource. */
export function permissionsOfRole(role: string, resource: Resource): readonly Permission[] {
  if (!isRole(role) || meanings[role].on !== resource.kind) return []
  return meanings[role].gives
}

/** Adds a fault unless the role goes with the resource; a plain group has neither. */
export function checkGroupRole(faults: RequestFaults, { role = '', resource }: GroupRole): void {
  if (role === '' && resource === undefined) return
  if (!isRole(role)) {
    faults.add('role', `must be one of ${roles.join(', ')}`)
  } else if (resource?.kind !== meanings[role].on) {
    faults.add('resource', `must be of the kind ${meanings[role].on}`)
  }
}

function isRole(text: string): text is Role {
  return Object.hasOwn(meanings, text)
}
