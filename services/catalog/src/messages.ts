import type { MessageInitShape } from '@bufbuild/protobuf'
import { timestampFromDate } from '@bufbuild/protobuf/wkt'
import type { ListAccessibleResourcesResponse } from '#proto/registrar/accesscontrol/v1/access_control_service_pb.ts'
import type { Group } from '#proto/registrar/accesscontrol/v1/group_pb.ts'
import { Permission as PermissionNumber } from '#proto/registrar/accesscontrol/v1/permission_pb.ts'
import type { CourseRunSchema } from '#proto/registrar/catalog/v1/course_run_pb.ts'
import type { OrganizationSchema } from '#proto/registrar/catalog/v1/organization_pb.ts'
import type { ProgramSchema } from '#proto/registrar/catalog/v1/program_pb.ts'
import type { CourseRun } from './domain/course-run.ts'
import type { Organization } from './domain/organization.ts'
import type { Grants, Permission } from './domain/permission.ts'
import { type Program, titleOf } from './domain/program.ts'
import { invalidArgument } from './domain/refusals.ts'
import type { RoleGroup } from './domain/report-groups.ts'

/** The proto's numbers for the permissions that can be held on a program. */
const numbers: Record<Permission, PermissionNumber> = {
  read_metadata: PermissionNumber.READ_METADATA,
  read_enrollments: PermissionNumber.READ_ENROLLMENTS,
  write_enrollments: PermissionNumber.WRITE_ENROLLMENTS,
  read_reports: PermissionNumber.READ_REPORTS,
}
const names = new Map(Object.entries(numbers).map(([name, number]) => [number, name as Permission]))

/** The permission asked about; undefined when none is. INVALID_ARGUMENT when it is none that can be held on a program. */
export function readPermission(field: string, number: PermissionNumber): Permission | undefined {
  if (number === PermissionNumber.UNSPECIFIED) return undefined
  const name = names.get(number)
  if (name === undefined) {
    throw invalidArgument([{ field, description: `${field} is not a permission on programs` }])
  }
  return name
}

/** The permissions among these that can be held on a program. */
export function readPermissions(given: readonly PermissionNumber[]): Set<Permission> {
  return new Set(given.map((number) => names.get(number)).filter((name) => name !== undefined))
}

/** Everything that a user holds, as access-control tells it. */
export function readGrants({ caller, resources }: ListAccessibleResourcesResponse): Grants {
  const byOrganization = new Map<string, Set<Permission>>()
  const byProgram = new Map<string, Set<Permission>>()
  for (const { resource, permissions } of resources) {
    const target = resource?.target
    if (target?.case === 'organizationId') byOrganization.set(target.value, readPermissions(permissions))
    if (target?.case === 'programId') byProgram.set(target.value, readPermissions(permissions))
  }
  return { global: readPermissions(caller?.globalPermissions ?? []), byOrganization, byProgram }
}

export function readRoleGroup({ name, role, resource }: Group): RoleGroup {
  const target = resource?.target
  const on = target?.case === 'programId' ? 'program' : 'organization'
  return { name, role, on, id: target?.value ?? '' }
}

export function tellProgram(
  program: Program,
  permissions: readonly Permission[],
): MessageInitShape<typeof ProgramSchema> {
  return {
    ...tellProgramOutline(program, permissions),
    discoveryUuid: program.discoveryUuid,
    title: titleOf(program),
    url: program.url ?? undefined,
    type: program.type ?? undefined,
    activeCurriculumUuid: program.activeCurriculumUuid ?? undefined,
    createTime: timestampFromDate(program.created),
    updateTime: timestampFromDate(program.updated),
  }
}

/** A program as one sees it who may not read its metadata. */
export function tellProgramOutline(
  program: Program,
  permissions: readonly Permission[],
): MessageInitShape<typeof ProgramSchema> {
  return {
    id: program.id,
    key: program.key,
    organizationId: program.organizationId,
    organizationKey: program.organizationKey,
    permissions: permissions.map((name) => numbers[name]),
  }
}

export function tellOrganization(organization: Organization): MessageInitShape<typeof OrganizationSchema> {
  const { id, key, name, discoveryUuid, created, updated } = organization
  return {
    id,
    key,
    name,
    discoveryUuid,
    createTime: timestampFromDate(created),
    updateTime: timestampFromDate(updated),
  }
}

export function tellCourseRun(run: CourseRun): MessageInitShape<typeof CourseRunSchema> {
  return {
    key: run.key,
    externalKey: run.externalKey ?? undefined,
    title: run.title ?? undefined,
    url: run.url ?? undefined,
  }
}
