import { Permission } from '#proto/registrar/accesscontrol/v1/permission_pb.ts'
import { UsageError } from './refusal.ts'

/** What a PERMISSION argument means. `on` is the only kind of thing that it can be granted on, when its name says one. */
export type NamedPermission = { permission: Permission; on?: 'organization' | 'program' | 'everything' }

const apiNames: Record<string, NamedPermission> = {
  read_metadata: { permission: Permission.READ_METADATA },
  read_enrollments: { permission: Permission.READ_ENROLLMENTS },
  write_enrollments: { permission: Permission.WRITE_ENROLLMENTS },
  read_reports: { permission: Permission.READ_REPORTS },
  job_global_read: { permission: Permission.JOB_GLOBAL_READ, on: 'everything' },
}

// As the database of the Django service named them. Reports are irregular: without `core.` theirs is the API's name.
const codenames: Record<string, NamedPermission> = {
  organization_read_metadata: { permission: Permission.READ_METADATA, on: 'organization' },
  organization_read_enrollments: { permission: Permission.READ_ENROLLMENTS, on: 'organization' },
  organization_write_enrollments: { permission: Permission.WRITE_ENROLLMENTS, on: 'organization' },
  read_reports: { permission: Permission.READ_REPORTS, on: 'organization' },
  program_read_metadata: { permission: Permission.READ_METADATA, on: 'program' },
  program_read_enrollments: { permission: Permission.READ_ENROLLMENTS, on: 'program' },
  program_write_enrollments: { permission: Permission.WRITE_ENROLLMENTS, on: 'program' },
  program_read_reports: { permission: Permission.READ_REPORTS, on: 'program' },
  job_global_read: { permission: Permission.JOB_GLOBAL_READ, on: 'everything' },
}

/** Reads the API's name of a permission, or its codename with or without `core.`. */
export function parsePermission(text: string): NamedPermission {
  const found = text.startsWith('core.')
    ? ownValue(codenames, text.slice('core.'.length))
    : (ownValue(apiNames, text) ?? ownValue(codenames, text))
  if (found === undefined) {
    const names = new Set([...Object.keys(apiNames), ...Object.keys(codenames), 'core.read_reports'])
    throw new UsageError(`${text} is no permission: use one of ${[...names].join(', ')}.`)
  }
  return found
}

/** Refuses a permission whose name says that it goes elsewhere. Every permission can be granted on everything. */
export function assertGoesWith(
  { on }: NamedPermission,
  name: string,
  { organization, program }: { organization?: string; program?: string },
): void {
  const given = organization === undefined ? program && 'program' : 'organization'
  if (given === undefined || on === undefined || given === on) return
  throw new UsageError(
    on === 'everything'
      ? `${name} is only granted on everything: leave out --${given}.`
      : `${name} is a permission on ${on === 'organization' ? 'an organization' : 'a program'}: it does not go with --${given}.`,
  )
}

function ownValue<T>(table: Record<string, T>, key: string): T | undefined {
  return Object.hasOwn(table, key) ? table[key] : undefined
}
