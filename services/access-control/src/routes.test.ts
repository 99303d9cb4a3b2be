import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { Permission } from '#proto/registrar/accesscontrol/v1/permission_pb.ts'
import { reasonFor } from './testing/refusals.ts'
import { type AccessControlClient, startService, type TestService } from './testing/start-service.ts'

let service: TestService

beforeAll(async () => {
  service = await startService()
  await service.operator.createUser({ username: 'root', superuser: true })
  await service.operator.createUser({ username: 'subject' })
  await service.operator.createGroup({ name: 'group' })
})
afterAll(() => service.stop())

// Valid requests, in an order in which each can succeed.
const adminCalls: [keyof AccessControlClient, (client: AccessControlClient) => Promise<unknown>][] = [
  ['createUser', (client) => client.createUser({ username: 'made' })],
  ['updateUser', (client) => client.updateUser({ username: 'subject', superuser: true })],
  ['getUser', (client) => client.getUser({ username: 'subject' })],
  ['createGroup', (client) => client.createGroup({ name: 'made' })],
  ['updateGroup', (client) => client.updateGroup({ name: 'group' })],
  ['listGroups', (client) => client.listGroups({})],
  ['addGroupMember', (client) => client.addGroupMember({ username: 'subject', groupName: 'group' })],
  ['removeGroupMember', (client) => client.removeGroupMember({ username: 'subject', groupName: 'group' })],
  ['inviteByEmail', (client) => client.inviteByEmail({ email: 'a@b.example', groupName: 'group' })],
  ['grantPermission', (client) => client.grantPermission(grant)],
  ['revokePermission', (client) => client.revokePermission(grant)],
  ['setFlag', (client) => client.setFlag(flag)],
  ['deleteGroup', (client) => client.deleteGroup({ name: 'made' })],
  ['listAuditEvents', (client) => client.listAuditEvents({})],
]
const operatorCalls: typeof adminCalls = [
  ['purgeAuditEvents', (client) => client.purgeAuditEvents({ olderThan: { seconds: 2_592_000n } })],
]
const grant = {
  permission: Permission.READ_METADATA,
  subject: { case: 'username' as const, value: 'subject' },
}
const flag = {
  flag: 'enable_course_role_management',
  subject: { case: 'everyone' as const, value: true },
  enabled: true,
}
const userCalls: (keyof AccessControlClient)[] = [
  'getCaller',
  'resolvePermissions',
  'listAccessibleResources',
]

test('the tables below name every RPC', () => {
  const named = [...adminCalls, ...operatorCalls]
    .map(([name]) => name)
    .concat(userCalls)
    .toSorted()
  expect(Object.keys(service.operator).toSorted()).toEqual(named)
})

describe.each([...adminCalls, ...operatorCalls])('%s', (_, call) => {
  test.each<[string, () => AccessControlClient]>([
    ['a plain user', () => service.asUser('plain')],
    ['a staff user', () => service.asUser('staff', { administrator: true })],
    ['the jobs worker', () => service.asService('jobs-worker')],
  ])('refuses %s', async (_who, client) => {
    expect(await reasonFor(call(client()))).toBe('PERMISSION_DENIED')
  })
})

test('nothing was written by what was refused', async () => {
  expect(await reasonFor(service.operator.getUser({ username: 'made' }))).toBe('USER_NOT_FOUND')
  const { user, groupNames } = await service.operator.getUser({ username: 'subject' })
  expect(user?.superuser).toBe(false)
  expect(groupNames).toEqual([])
  const { groups } = await service.operator.listGroups({})
  expect(groups.map(({ name, memberCount }) => [name, memberCount])).toEqual([['group', 0]])
  const { caller } = await service.asUser('subject').getCaller({})
  expect(caller).toMatchObject({ globalPermissions: [], flags: [] })
})

test('a superuser may call every one of them', async () => {
  const root = service.asUser('root')
  for (const [, call] of adminCalls) await call(root)
})

test.each(operatorCalls)('%s is for the operator alone: a superuser is refused', async (_, call) => {
  expect(await reasonFor(call(service.asUser('root')))).toBe('PERMISSION_DENIED')
  await call(service.operator)
})

test('who loses superuser loses them at once', async () => {
  const client = service.asUser('root')
  await service.operator.updateUser({ username: 'root', superuser: false })
  expect(await reasonFor(client.listGroups({}))).toBe('PERMISSION_DENIED')
})

test.each(userCalls)('%s is for users: a service token and no token are refused', async (name) => {
  const call = (client: AccessControlClient) => (client[name] as (request: object) => Promise<unknown>)({})
  expect(await reasonFor(call(service.operator))).toBe('PERMISSION_DENIED')
  expect(await reasonFor(call(service.asService('jobs-worker')))).toBe('PERMISSION_DENIED')
  expect(await reasonFor(call(service.asUser('restricted', { is_restricted: true })))).toBe(
    'TOKEN_RESTRICTED',
  )
  expect(await reasonFor(call(service.asUser('foreign', { iss: 'somebody else' })))).toBe('TOKEN_INVALID')
})
