import type { MessageInitShape } from '@bufbuild/protobuf'
import type { HandlerContext, ServiceImpl } from '@connectrpc/connect'
import { principalOf, requestIdOf } from '#kit/call-context.ts'
import { DomainError, Reason } from '#kit/errors.ts'
import { createLogger } from '#kit/logger.ts'
import { startRpcServer } from '#kit/rpc-server.ts'
import { createTokenVerifier, type JwtConfig } from '#kit/tokens.ts'
import { AccessControlService } from '#proto/registrar/accesscontrol/v1/access_control_service_pb.ts'
import type { GroupSchema } from '#proto/registrar/accesscontrol/v1/group_pb.ts'
import { Permission } from '#proto/registrar/accesscontrol/v1/permission_pb.ts'

/** What access-control would know of a user; ids of organizations and programs as keys. */
export type TestUser = {
  inactive?: boolean
  superuser?: boolean
  staff?: boolean
  global?: Permission[]
  organizations?: Record<string, Permission[]>
  programs?: Record<string, Permission[]>
}

export type TestGroup = Pick<MessageInitShape<typeof GroupSchema>, 'name' | 'role' | 'resource'>

/** An access-control with users that tests put into it, reached as the real one is. */
export type TestAccessControl = {
  url: string
  users: Map<string, TestUser>
  groups: TestGroup[]
  /** The calls that came in: RPC and request id. */
  calls: { rpc: string; requestId: string }[]
  close(): Promise<void>
}

export const everyPermission = [
  Permission.READ_METADATA,
  Permission.READ_ENROLLMENTS,
  Permission.WRITE_ENROLLMENTS,
  Permission.READ_REPORTS,
  Permission.JOB_GLOBAL_READ,
]

export async function startTestAccessControl(jwt: JwtConfig): Promise<TestAccessControl> {
  const users = new Map<string, TestUser>()
  const groups: TestGroup[] = []
  const calls: TestAccessControl['calls'] = []
  const server = await startRpcServer({
    name: 'access-control',
    host: '127.0.0.1',
    port: 0,
    services: [AccessControlService],
    routes: (router) => router.service(AccessControlService, answerFor(users, groups, calls)),
    verifier: createTokenVerifier(jwt),
    logger: createLogger('access-control', 'silent'),
    isReady: async () => true,
  })
  return { url: server.url, users, groups, calls, close: () => server.close() }
}

function answerFor(
  users: TestAccessControl['users'],
  groups: TestGroup[],
  calls: TestAccessControl['calls'],
): Partial<ServiceImpl<typeof AccessControlService>> {
  const admit = (rpc: string, context: HandlerContext) => {
    calls.push({ rpc, requestId: requestIdOf(context) })
    const principal = principalOf(context)
    const username = principal.kind === 'user' ? principal.username : ''
    const user = users.get(username) ?? {}
    if (user.inactive) throw new DomainError(Reason.USER_INACTIVE, 'the user is not active')
    const { superuser = false, staff = false, global = [] } = user
    const globalPermissions = superuser ? everyPermission : global
    return { user, caller: { userId: username, username, superuser, staff, globalPermissions, flags: [] } }
  }
  return {
    getCaller: (_, context) => ({ caller: admit('GetCaller', context).caller }),
    resolvePermissions: ({ programs }, context) => {
      const { user, caller } = admit('ResolvePermissions', context)
      const resolved = programs.map(({ programId, organizationId }) => ({
        resource: { target: { case: 'programId' as const, value: programId } },
        permissions: [
          ...new Set([
            ...caller.globalPermissions,
            ...(user.organizations?.[organizationId] ?? []),
            ...(user.programs?.[programId] ?? []),
          ]),
        ].toSorted(),
      }))
      return { caller, programs: resolved }
    },
    listGroups: ({ pageToken }, context) => {
      admit('ListGroups', context)
      // Two at a time, so that there are pages.
      const start = Number(pageToken)
      const nextPageToken = start + 2 < groups.length ? String(start + 2) : ''
      return { groups: groups.slice(start, start + 2), nextPageToken }
    },
    createGroup: ({ name, role, resource }, context) => {
      admit('CreateGroup', context)
      if (groups.some((group) => group.name === name)) {
        throw new DomainError(Reason.ALREADY_EXISTS, 'there is already a group with this name')
      }
      groups.push({ name, role, resource })
      return { group: { name, role, resource } }
    },
    updateGroup: ({ name, newName = name }, context) => {
      admit('UpdateGroup', context)
      const group = groups.find((each) => each.name === name)
      if (group === undefined) throw new DomainError(Reason.GROUP_NOT_FOUND, 'no such group')
      if (groups.some((each) => each.name === newName)) {
        throw new DomainError(Reason.ALREADY_EXISTS, 'there is already a group with this name')
      }
      group.name = newName
      return { group }
    },
    listAccessibleResources: (_, context) => {
      const { user, caller } = admit('ListAccessibleResources', context)
      return {
        caller,
        resources: [...resourcesOf('organizationId', user), ...resourcesOf('programId', user)],
      }
    },
  }
}

function resourcesOf(kind: 'organizationId' | 'programId', user: TestUser) {
  const granted = (kind === 'organizationId' ? user.organizations : user.programs) ?? {}
  return Object.entries(granted).map(([value, permissions]) => ({
    resource: { target: { case: kind, value } },
    permissions,
  }))
}
