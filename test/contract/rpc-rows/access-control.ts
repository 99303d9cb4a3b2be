import { expect } from 'vitest'
import { AccessControlService } from '#proto/registrar/accesscontrol/v1/access_control_service_pb.ts'
import { Permission } from '#proto/registrar/accesscontrol/v1/permission_pb.ts'
import type { PermissionName, Person } from '../rpc-callers.ts'
import { everyUser, type Ground, type Row, row, superusers } from '../rpc-row.ts'

const { method: rpc } = AccessControlService
const operator = (then = 'OK') => ({ services: { operator: then } })
const onlyOperators = (then = 'OK') => ({ users: superusers(then), ...operator(then) })
const malformed = onlyOperators('INVALID_ARGUMENT')

const numbers: Record<PermissionName, Permission> = {
  read_metadata: Permission.READ_METADATA,
  read_enrollments: Permission.READ_ENROLLMENTS,
  write_enrollments: Permission.WRITE_ENROLLMENTS,
  read_reports: Permission.READ_REPORTS,
}

/** What somebody holds on `masters` as the numbers of the proto. */
function heldOnMasters(person: Person): Permission[] {
  return Object.entries(numbers).flatMap(([name, number]) =>
    person.may(name as PermissionName, 'masters') ? [number] : [],
  )
}

const victim = ({ victim: { username } }: Ground) => ({ case: 'username' as const, value: username })
const onSchool = ({ school }: Ground) => ({ target: { case: 'organizationId' as const, value: school.id } })
const toGroup = (name: string) => ({ case: 'groupName' as const, value: name })

/** The group that was made for a call, or the one that is there for those who are refused. */
const ownOr = ({ victim }: Ground, name: string) => (name.startsWith('may') ? name : victim.group)
const makeGroup = ({ world }: Ground, name: string) => world.operator.accessControl.createGroup({ name })

export const accessControlRows: Row[] = [
  row(rpc.getCaller, 'who calls', {
    users: everyUser(),
    check([answer], person) {
      expect(answer?.caller).toMatchObject({
        username: expect.stringContaining(person.name.replaceAll(' ', '-')),
        superuser: person.superuser === true,
        staff: person.staff === true,
      })
    },
  }),
  row(rpc.resolvePermissions, 'what the caller may do', {
    users: everyUser(),
    ask: ({ school }) => ({ programs: [{ programId: school.masters.id, organizationId: school.id }] }),
    check([answer], person) {
      expect(answer?.programs.map(({ permissions }) => permissions)).toEqual([heldOnMasters(person)])
    },
  }),
  row(rpc.resolvePermissions, 'about no uuid', {
    users: everyUser('INVALID_ARGUMENT'),
    ask: () => ({ programs: [{ programId: 'x', organizationId: '' }] }),
  }),
  row(rpc.listAccessibleResources, 'all that the caller may touch', {
    users: everyUser(),
    check([answer], person, { school, other }) {
      const found = new Set(answer?.resources.map(({ resource }) => resource?.target.value))
      const places = (person.holds ?? []).map(([place]) => place)
      expect([found.has(school.id), found.has(school.masters.id), found.has(other.id)]).toEqual([
        places.includes('school'),
        places.includes('masters'),
        places.includes('elsewhere'),
      ])
    },
  }),
  row(rpc.createUser, 'a new one', { ...onlyOperators(), ask: (_, username) => ({ username }) }),
  row(rpc.createUser, 'without a name', malformed),
  row(rpc.updateUser, 'another address', {
    ...onlyOperators(),
    ask: ({ victim }, name) => ({ username: victim.username, email: `${name}@example.org` }),
  }),
  row(rpc.updateUser, 'nobody', { ...onlyOperators('USER_NOT_FOUND'), ask: (_, username) => ({ username }) }),
  row(rpc.getUser, 'somebody', {
    ...onlyOperators(),
    ask: ({ victim }) => ({ username: victim.username }),
  }),
  row(rpc.getUser, 'nobody', { ...onlyOperators('USER_NOT_FOUND'), ask: (_, username) => ({ username }) }),
  row(rpc.createGroup, 'a plain one', { ...onlyOperators(), ask: (_, name) => ({ name }) }),
  row(rpc.createGroup, 'with an unknown role', {
    ...malformed,
    ask: (ground, name) => ({ name, role: 'organization_owner', resource: onSchool(ground) }),
  }),
  row(rpc.updateGroup, 'another name', {
    ...onlyOperators(),
    prepare: makeGroup,
    ask: (ground, name) => ({ name: ownOr(ground, name), newName: `${name} later` }),
  }),
  row(rpc.updateGroup, 'nothing', { ...onlyOperators('GROUP_NOT_FOUND'), ask: (_, name) => ({ name }) }),
  row(rpc.deleteGroup, 'one that is there', {
    ...onlyOperators(),
    prepare: makeGroup,
    ask: (ground, name) => ({ name: ownOr(ground, name) }),
  }),
  row(rpc.deleteGroup, 'nothing', { ...onlyOperators('GROUP_NOT_FOUND'), ask: (_, name) => ({ name }) }),
  row(rpc.listGroups, 'a page', { ...onlyOperators(), ask: () => ({ pageSize: 1 }) }),
  row(rpc.listGroups, 'a page that is none', {
    ...onlyOperators('PAGE_TOKEN_INVALID'),
    ask: () => ({ pageToken: '?' }),
  }),
  row(rpc.addGroupMember, 'somebody', {
    ...onlyOperators(),
    prepare: makeGroup,
    ask: (ground, name) => ({ username: ground.victim.username, groupName: ownOr(ground, name) }),
  }),
  row(rpc.addGroupMember, 'to no group', {
    ...onlyOperators('GROUP_NOT_FOUND'),
    ask: ({ victim }, groupName) => ({ username: victim.username, groupName }),
  }),
  row(rpc.removeGroupMember, 'one who is in it', {
    ...onlyOperators(),
    async prepare(ground, name) {
      await makeGroup(ground, name)
      const { username } = ground.victim
      await ground.world.operator.accessControl.addGroupMember({ username, groupName: name })
    },
    ask: ({ victim }, groupName) => ({ username: victim.username, groupName }),
  }),
  row(rpc.removeGroupMember, 'one who is not in it', {
    ...onlyOperators('GRANT_NOT_FOUND'),
    ask: ({ victim }) => ({ username: victim.username, groupName: victim.group }),
  }),
  row(rpc.inviteByEmail, 'an address', {
    ...onlyOperators(),
    prepare: makeGroup,
    ask: (_, name) => ({ email: `${name}@example.org`, groupName: name }),
  }),
  row(rpc.inviteByEmail, 'to no group', {
    ...onlyOperators('GROUP_NOT_FOUND'),
    ask: (_, name) => ({ email: `${name}@example.org`, groupName: name }),
  }),
  row(rpc.grantPermission, 'to a group', {
    ...onlyOperators(),
    prepare: makeGroup,
    ask: (ground, name) => ({
      permission: Permission.READ_METADATA,
      subject: toGroup(name),
      resource: onSchool(ground),
    }),
  }),
  row(rpc.grantPermission, 'everything to somebody, but no permission', {
    ...malformed,
    ask: (ground) => ({ subject: victim(ground) }),
  }),
  row(rpc.revokePermission, 'what a group has', {
    ...onlyOperators(),
    async prepare(ground, name) {
      await makeGroup(ground, name)
      await ground.world.operator.accessControl.grantPermission({
        permission: Permission.READ_METADATA,
        subject: toGroup(name),
      })
    },
    ask: (_, name) => ({ permission: Permission.READ_METADATA, subject: toGroup(name) }),
  }),
  row(rpc.revokePermission, 'what nobody has', {
    ...onlyOperators('GRANT_NOT_FOUND'),
    ask: (ground) => ({ permission: Permission.READ_REPORTS, subject: victim(ground) }),
  }),
  row(rpc.setFlag, 'for a group', {
    ...onlyOperators(),
    prepare: makeGroup,
    ask: (_, name) => ({ flag: 'enable_course_role_management', subject: toGroup(name), enabled: true }),
  }),
  row(rpc.setFlag, 'that is none, for everyone', {
    ...malformed,
    ask: (_, flag) => ({ flag, subject: { case: 'everyone' as const, value: true }, enabled: true }),
  }),
  row(rpc.listAuditEvents, 'a page', { ...onlyOperators(), ask: () => ({ pageSize: 1 }) }),
  row(rpc.purgeAuditEvents, 'what is very old', {
    ...operator(),
    ask: () => ({ olderThan: { seconds: 2_592_000_000n } }),
  }),
]
