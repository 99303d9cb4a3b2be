import type { ConnectRouter } from '@connectrpc/connect'
import { AccessControlService } from '#proto/registrar/accesscontrol/v1/access_control_service_pb.ts'
import { createIdentifyCaller } from './callers.ts'
import { addGroupMember } from './handlers/add-group-member.ts'
import { createGroup } from './handlers/create-group.ts'
import { createUser } from './handlers/create-user.ts'
import { deleteGroup } from './handlers/delete-group.ts'
import { getCaller } from './handlers/get-caller.ts'
import { getUser } from './handlers/get-user.ts'
import { grantPermission } from './handlers/grant-permission.ts'
import { inviteByEmail } from './handlers/invite-by-email.ts'
import { listAccessibleResources } from './handlers/list-accessible-resources.ts'
import { listAuditEvents } from './handlers/list-audit-events.ts'
import { listGroups } from './handlers/list-groups.ts'
import { purgeAuditEvents } from './handlers/purge-audit-events.ts'
import { removeGroupMember } from './handlers/remove-group-member.ts'
import { resolvePermissions } from './handlers/resolve-permissions.ts'
import { revokePermission } from './handlers/revoke-permission.ts'
import { setFlag } from './handlers/set-flag.ts'
import { updateGroup } from './handlers/update-group.ts'
import { updateUser } from './handlers/update-user.ts'
import { createOperatorsOnly } from './operators-only.ts'
import type { AuditStore } from './store/audit-store.ts'
import type { CallerStore } from './store/caller-store.ts'
import type { FlagStore } from './store/flag-store.ts'
import type { GrantStore } from './store/grant-store.ts'
import type { GroupStore } from './store/group-store.ts'
import type { MembershipStore } from './store/membership-store.ts'
import type { UserStore } from './store/user-store.ts'

export type Stores = {
  callers: CallerStore
  users: UserStore
  groups: GroupStore
  memberships: MembershipStore
  grants: GrantStore
  flags: FlagStore
  audit: AuditStore
}

/** Every RPC with what it works on, and who may call it. */
export function createRoutes({ callers, users, groups, memberships, grants, flags, audit }: Stores) {
  const identifyCaller = createIdentifyCaller(callers)
  const operatorsOnly = createOperatorsOnly(identifyCaller)

  return (router: ConnectRouter): void => {
    router.service(AccessControlService, {
      getCaller: getCaller(identifyCaller),
      resolvePermissions: resolvePermissions(identifyCaller),
      listAccessibleResources: listAccessibleResources(identifyCaller),
      createUser: operatorsOnly(createUser(users)),
      updateUser: operatorsOnly(updateUser(users)),
      getUser: operatorsOnly(getUser(users)),
      createGroup: operatorsOnly(createGroup(groups)),
      updateGroup: operatorsOnly(updateGroup(groups)),
      deleteGroup: operatorsOnly(deleteGroup(groups)),
      listGroups: operatorsOnly(listGroups(groups)),
      addGroupMember: operatorsOnly(addGroupMember(memberships)),
      removeGroupMember: operatorsOnly(removeGroupMember(memberships)),
      inviteByEmail: operatorsOnly(inviteByEmail(memberships)),
      grantPermission: operatorsOnly(grantPermission(grants)),
      revokePermission: operatorsOnly(revokePermission(grants)),
      setFlag: operatorsOnly(setFlag(flags)),
      listAuditEvents: operatorsOnly(listAuditEvents(audit)),
      purgeAuditEvents: purgeAuditEvents(audit),
    })
  }
}
