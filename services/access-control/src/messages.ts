import type { MessageInitShape } from '@bufbuild/protobuf'
import { timestampFromDate } from '@bufbuild/protobuf/wkt'
import type { GroupSchema } from '#proto/registrar/accesscontrol/v1/group_pb.ts'
import type {
  ResourcePermissionsSchema,
  ResourceSchema,
} from '#proto/registrar/accesscontrol/v1/permission_pb.ts'
import type { CallerSchema, UserSchema } from '#proto/registrar/accesscontrol/v1/user_pb.ts'
import type { Caller } from './callers.ts'
import type { Group } from './domain/group.ts'
import type { Resource } from './domain/permissions.ts'
import { listGlobalPermissions, type ResourcePermissions } from './domain/resolve-permissions.ts'
import type { User } from './domain/user.ts'
import { permissionNumbers } from './permission-numbers.ts'

export function tellCaller(caller: Caller): MessageInitShape<typeof CallerSchema> {
  return {
    userId: caller.id,
    username: caller.username,
    superuser: caller.superuser,
    staff: caller.staff,
    globalPermissions: listGlobalPermissions(caller.held).map((each) => permissionNumbers[each]),
    flags: caller.flags,
  }
}

export function tellUser({ createdAt, updatedAt, ...user }: User): MessageInitShape<typeof UserSchema> {
  return { ...user, createTime: timestampFromDate(createdAt), updateTime: timestampFromDate(updatedAt) }
}

export function tellGroup(group: Group): MessageInitShape<typeof GroupSchema> {
  const { id, name, role = '', resource, memberCount, createdAt, updatedAt } = group
  return {
    id,
    name,
    role,
    ...(resource && { resource: tellResource(resource) }),
    memberCount,
    createTime: timestampFromDate(createdAt),
    updateTime: timestampFromDate(updatedAt),
  }
}

export function tellResourcePermissions({
  resource,
  permissions,
}: ResourcePermissions): MessageInitShape<typeof ResourcePermissionsSchema> {
  return {
    resource: tellResource(resource),
    permissions: permissions.map((each) => permissionNumbers[each]),
  }
}

function tellResource({ kind, id }: Resource): MessageInitShape<typeof ResourceSchema> {
  return { target: { case: kind === 'program' ? 'programId' : 'organizationId', value: id } }
}
