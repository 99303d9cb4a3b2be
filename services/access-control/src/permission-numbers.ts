import { Permission as PermissionNumber } from '#proto/registrar/accesscontrol/v1/permission_pb.ts'
import type { Permission } from './domain/permissions.ts'

/** The number in messages of each permission. */
export const permissionNumbers: Readonly<Record<Permission, PermissionNumber>> = {
  read_metadata: PermissionNumber.READ_METADATA,
  read_enrollments: PermissionNumber.READ_ENROLLMENTS,
  write_enrollments: PermissionNumber.WRITE_ENROLLMENTS,
  read_reports: PermissionNumber.READ_REPORTS,
  job_global_read: PermissionNumber.JOB_GLOBAL_READ,
}

const permissionsByNumber: ReadonlyMap<PermissionNumber, Permission> = new Map(
  Object.entries(permissionNumbers).map(([permission, number]) => [number, permission as Permission]),
)

/** The permission with that number; undefined when there is none. */
export function permissionOfNumber(number: PermissionNumber): Permission | undefined {
  return permissionsByNumber.get(number)
}
