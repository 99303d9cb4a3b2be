import type { Client, HandlerContext } from '@connectrpc/connect'
import { callOptionsOf, principalOf } from '#kit/call-context.ts'
import { Reason } from '#kit/errors.ts'
import { reasonOf } from '#kit/rpc-errors.ts'
import type { AccessControlService } from '#proto/registrar/accesscontrol/v1/access_control_service_pb.ts'
import type { Caller } from '#proto/registrar/accesscontrol/v1/user_pb.ts'
import type { Grants, Permission } from '../domain/permission.ts'
import type { RoleGroup } from '../domain/report-groups.ts'
import { readGrants, readPermissions, readRoleGroup } from '../messages.ts'
import { rememberGrants } from './remembered-grants.ts'

/**
 * Who calls and what was given to them, from access-control; one call each. Our own processes are not users: nothing is asked
 * about them and each answer is undefined. An inactive user fails with USER_INACTIVE.
 */
export type AccessControl = {
  identify(context: HandlerContext): Promise<Caller | undefined>
  /** Also what was given on a program, before its type is looked at. */
  resolve(
    context: HandlerContext,
    program: { id: string; organizationId: string },
  ): Promise<{ caller: Caller; given: ReadonlySet<Permission> } | undefined>
  /** Everything that was given, everywhere; as it was a while ago when a timeout is set. */
  listGrants(context: HandlerContext): Promise<Grants | undefined>
  /** Every group, in the caller's name; a plain one has no role and is on nothing. */
  listRoleGroups(context: HandlerContext): Promise<RoleGroup[]>
  /** False when the name is taken. */
  createRoleGroup(context: HandlerContext, group: RoleGroup): Promise<boolean>
  /** False when another group has the new name. */
  renameGroup(context: HandlerContext, name: string, newName: string): Promise<boolean>
}

const groupsPerPage = 1_000

/** `grantsForMs`: for how long what `listGrants` was told is used again. */
export function createAccessControl(
  client: Client<typeof AccessControlService>,
  grantsForMs = 0,
): AccessControl {
  const remembered = rememberGrants(grantsForMs)
  return {
    async identify(context) {
      if (!isUser(context)) return undefined
      const { caller } = await client.getCaller({}, callOptionsOf(context))
      return named(caller)
    },

    async resolve(context, { id, organizationId }) {
      if (!isUser(context)) return undefined
      const programs = [{ programId: id, organizationId }]
      const answer = await client.resolvePermissions({ programs }, callOptionsOf(context))
      const given = readPermissions(answer.programs[0]?.permissions ?? [])
      return { caller: named(answer.caller), given }
    },

    async listGrants(context) {
      const principal = principalOf(context)
      if (principal.kind !== 'user') return undefined
      const known = remembered.recall(principal.token)
      if (known !== undefined) return known
      const grants = readGrants(await client.listAccessibleResources({}, callOptionsOf(context)))
      remembered.keep(principal.token, grants)
      return grants
    },

    async listRoleGroups(context) {
      const found: RoleGroup[] = []
      let pageToken = ''
      do {
        const request = { pageSize: groupsPerPage, pageToken }
        const { groups, nextPageToken } = await client.listGroups(request, callOptionsOf(context))
        found.push(...groups.map(readRoleGroup))
        pageToken = nextPageToken
      } while (pageToken !== '')
      return found
    },

    createRoleGroup(context, { name, role, on, id }) {
      const resource = { target: { case: `${on}Id` as const, value: id } }
      return unlessTaken(client.createGroup({ name, role, resource }, callOptionsOf(context)))
    },

    async renameGroup(context, name, newName) {
      try {
        return await unlessTaken(client.updateGroup({ name, newName }, callOptionsOf(context)))
      } catch (error) {
        // Another sync was here a moment before.
        if (reasonOf(error) === Reason.GROUP_NOT_FOUND) return true
        throw error
      }
    },
  }
}

/** Whether a write of a group was done; false when another group has the name. */
async function unlessTaken(write: Promise<unknown>): Promise<boolean> {
  try {
    await write
    return true
  } catch (error) {
    if (reasonOf(error) !== Reason.ALREADY_EXISTS) throw error
    return false
  }
}

function isUser(context: HandlerContext): boolean {
  return principalOf(context).kind === 'user'
}

// A user without a name must not pass for one of our own processes.
function named(caller: Caller | undefined): Caller {
  if (caller === undefined) throw new Error('access-control named no caller')
  return caller
}
