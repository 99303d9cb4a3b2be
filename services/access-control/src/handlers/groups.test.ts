import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { Permission } from '#proto/registrar/accesscontrol/v1/permission_pb.ts'
import { reasonFor, refusalOf } from '../testing/refusals.ts'
import { organization, program } from '../testing/resources.ts'
import { type AccessControlClient, startService, type TestService } from '../testing/start-service.ts'

let service: TestService
let operator: AccessControlClient

const stem = '0a000000-0000-4000-8000-000000000001'
const arts = '0a000000-0000-4000-8000-000000000002'
const physics = '0b000000-0000-4000-8000-000000000001'

beforeAll(async () => {
  service = await startService()
  operator = service.operator
})
afterAll(() => service.stop())

const resourcesOf = async (username: string) => {
  const { resources } = await service.asUser(username).listAccessibleResources({})
  return resources.map(({ resource, permissions }) => [resource?.target.value, permissions])
}

describe('CreateGroup', () => {
  test('makes a plain group, and one with a role on a resource', async () => {
    const plain = (await operator.createGroup({ name: 'plain' })).group
    expect(plain).toMatchObject({ name: 'plain', role: '', memberCount: 0 })
    expect(plain?.resource).toBeUndefined()
    const request = { name: 'writers', role: 'program_read_write_enrollments', resource: program(physics) }
    expect((await operator.createGroup(request)).group).toMatchObject(request)
  })

  test('takes ids in any case and tells them in lower case', async () => {
    const request = {
      name: 'upper',
      role: 'organization_read_reports',
      resource: organization(stem.toUpperCase()),
    }
    expect((await operator.createGroup(request)).group?.resource).toMatchObject(organization(stem))
  })

  test('refuses a name that is taken', async () => {
    expect(await reasonFor(operator.createGroup({ name: 'plain' }))).toBe('ALREADY_EXISTS')
  })

  test('takes a name of 150 characters', async () => {
    const name = 'é'.repeat(150)
    expect((await operator.createGroup({ name })).group?.name).toBe(name)
  })

  test.each([
    ['no name', { name: '' }, ['name']],
    ['a name of 151 characters', { name: 'x'.repeat(151) }, ['name']],
    ['an unknown role', { name: 'g', role: 'read_metadata', resource: program(physics) }, ['role']],
    ['a role without a resource', { name: 'g', role: 'program_read_reports' }, ['resource']],
    ['a resource without a role', { name: 'g', resource: program(physics) }, ['role']],
    [
      'a program role on an organization',
      { name: 'g', role: 'program_read_reports', resource: organization(stem) },
      ['resource'],
    ],
    [
      'an organization role on a program',
      { name: 'g', role: 'organization_read_reports', resource: program(physics) },
      ['resource'],
    ],
    [
      'a resource that is no uuid',
      { name: 'g', role: 'program_read_reports', resource: program('physics') },
      ['resource.program_id'],
    ],
    ['a resource that names nothing', { name: 'g', resource: {} }, ['resource']],
  ])('refuses %s', async (_, request, fields) => {
    expect(await refusalOf(operator.createGroup(request))).toMatchObject({
      reason: 'INVALID_ARGUMENT',
      fields,
    })
  })
})

describe('UpdateGroup', () => {
  test('gives the members their new rights at once, and takes the old ones', async () => {
    await operator.createGroup({
      name: 'moving',
      role: 'organization_read_metadata',
      resource: organization(stem),
    })
    await operator.createUser({ username: 'mover', groupNames: ['moving'] })
    expect(await resourcesOf('mover')).toEqual([[stem, [Permission.READ_METADATA]]])

    await operator.updateGroup({ name: 'moving', role: 'organization_read_enrollments' })
    expect(await resourcesOf('mover')).toEqual([
      [stem, [Permission.READ_METADATA, Permission.READ_ENROLLMENTS]],
    ])
    await operator.updateGroup({ name: 'moving', resource: organization(arts) })
    expect(await resourcesOf('mover')).toEqual([
      [arts, [Permission.READ_METADATA, Permission.READ_ENROLLMENTS]],
    ])
    const both = { name: 'moving', role: 'program_read_reports', resource: program(physics) }
    expect((await operator.updateGroup(both)).group).toMatchObject({ ...both, memberCount: 1 })
    expect(await resourcesOf('mover')).toEqual([
      [physics, [Permission.READ_METADATA, Permission.READ_REPORTS]],
    ])
  })

  test('leaves a group that nothing changes as it was', async () => {
    const { group: before } = await operator.createGroup({
      name: 'still',
      role: 'program_read_reports',
      resource: program(physics),
    })
    const { group } = await operator.updateGroup({ name: 'still', role: 'program_read_reports' })
    expect(group).toEqual(before)
  })

  test('makes a plain group one with a role', async () => {
    await operator.createGroup({ name: 'growing' })
    const request = { name: 'growing', role: 'program_read_reports', resource: program(physics) }
    expect((await operator.updateGroup(request)).group).toMatchObject(request)
  })

  test.each([
    ['a role of the other kind', { role: 'program_read_reports' }, ['resource']],
    ['a resource of the other kind', { resource: program(physics) }, ['resource']],
    ['an unknown role', { role: 'owner' }, ['role']],
    ['no role beside its resource', { role: '' }, ['role']],
    ['a resource that names nothing', { resource: {} }, ['resource']],
  ])('refuses %s and changes nothing', async (what, change, fields) => {
    const request = {
      name: `refusing ${what}`,
      role: 'organization_read_metadata',
      resource: organization(stem),
    }
    await operator.createGroup(request)
    const call = operator.updateGroup({ name: request.name, ...change })
    expect(await refusalOf(call)).toMatchObject({ reason: 'INVALID_ARGUMENT', fields })
    expect((await operator.updateGroup({ name: request.name })).group).toMatchObject(request)
  })

  test('by many at once leaves a role that goes with the resource', async () => {
    await operator.createGroup({
      name: 'contested',
      role: 'organization_read_metadata',
      resource: organization(stem),
    })
    const changes = [
      { role: 'program_read_reports', resource: program(physics) },
      { role: 'organization_read_reports' },
      { role: 'organization_read_metadata', resource: organization(arts) },
    ]
    const results = await Promise.allSettled(
      Array.from({ length: 60 }, (_, index) =>
        operator.updateGroup({ name: 'contested', ...changes[index % changes.length] }),
      ),
    )
    const refusals = results.filter((result) => result.status === 'rejected')
    for (const { reason } of refusals) {
      expect(await reasonFor(Promise.reject(reason))).toBe('INVALID_ARGUMENT')
    }
    const { group } = await operator.updateGroup({ name: 'contested' })
    const kind = group?.resource?.target.case === 'programId' ? 'program' : 'organization'
    expect(group?.role).toMatch(new RegExp(`^${kind}_`))
  })

  test('refuses a group that is not there', async () => {
    expect(await reasonFor(operator.updateGroup({ name: 'none', role: '' }))).toBe('GROUP_NOT_FOUND')
  })
})

describe('AddGroupMember and RemoveGroupMember', () => {
  test('put a user in and take it out; adding twice is as adding once', async () => {
    await operator.createGroup({ name: 'club', role: 'program_read_metadata', resource: program(physics) })
    await operator.createUser({ username: 'member' })
    const membership = { username: 'member', groupName: 'club' }
    await operator.addGroupMember(membership)
    await operator.addGroupMember(membership)
    expect(await resourcesOf('member')).toEqual([[physics, [Permission.READ_METADATA]]])
    expect((await operator.updateGroup({ name: 'club' })).group?.memberCount).toBe(1)

    await operator.removeGroupMember(membership)
    expect(await resourcesOf('member')).toEqual([])
    expect(await reasonFor(operator.removeGroupMember(membership))).toBe('GRANT_NOT_FOUND')
  })

  test('refuse a user or a group that is not there', async () => {
    for (const call of [operator.addGroupMember, operator.removeGroupMember]) {
      expect(await reasonFor(call({ username: 'nobody', groupName: 'club' }))).toBe('USER_NOT_FOUND')
      expect(await reasonFor(call({ username: 'member', groupName: 'none' }))).toBe('GROUP_NOT_FOUND')
      expect(await refusalOf(call({}))).toMatchObject({
        reason: 'INVALID_ARGUMENT',
        fields: ['username', 'group_name'],
      })
    }
  })
})

describe('DeleteGroup', () => {
  test('takes away what the group gave and nothing else', async () => {
    const group = { case: 'groupName' as const, value: 'doomed' }
    await operator.createGroup({
      name: 'kept',
      role: 'organization_read_reports',
      resource: organization(stem),
    })
    await operator.createGroup({
      name: 'doomed',
      role: 'organization_read_metadata',
      resource: organization(stem),
    })
    await operator.createUser({ username: 'survivor', groupNames: ['kept', 'doomed'] })
    await operator.grantPermission({
      permission: Permission.WRITE_ENROLLMENTS,
      subject: group,
      resource: program(physics),
    })
    await operator.grantPermission({ permission: Permission.JOB_GLOBAL_READ, subject: group })
    await operator.setFlag({ flag: 'enable_course_role_management', subject: group, enabled: true })
    await operator.inviteByEmail({ email: 'late@school.example', groupName: 'doomed' })

    await operator.deleteGroup({ name: 'doomed' })

    const { caller } = await service.asUser('survivor').getCaller({})
    expect(caller).toMatchObject({ globalPermissions: [], flags: [] })
    expect(await resourcesOf('survivor')).toEqual([
      [stem, [Permission.READ_METADATA, Permission.READ_REPORTS]],
    ])
    await service.asUser('late', { email: 'late@school.example' }).getCaller({})
    expect((await operator.getUser({ username: 'late' })).groupNames).toEqual([])
    expect(await reasonFor(operator.deleteGroup({ name: 'doomed' }))).toBe('GROUP_NOT_FOUND')
  })
})

describe('ListGroups', () => {
  test('walks through all groups by name, each once', async () => {
    const names: string[] = []
    for (let pageToken = '', pages = 0; pages === 0 || pageToken !== ''; pages++) {
      const page = await operator.listGroups({ pageSize: 3, pageToken })
      expect(page.groups.length).toBeLessThanOrEqual(3)
      names.push(...page.groups.map(({ name }) => name))
      pageToken = page.nextPageToken
    }
    expect(names.length).toBeGreaterThan(6)
    expect(names).toEqual([...new Set(names)].toSorted())
    expect((await operator.listGroups({})).groups.map(({ name }) => name)).toEqual(names)
    expect((await operator.listGroups({ pageSize: names.length })).nextPageToken).toBe('')
  })

  test('refuses a negative page size and a token of its own making', async () => {
    expect(await reasonFor(operator.listGroups({ pageSize: -1 }))).toBe('INVALID_ARGUMENT')
    for (const forged of ['nonsense', Buffer.from('{"a":1}').toString('base64url')]) {
      expect(await reasonFor(operator.listGroups({ pageToken: forged }))).toBe('PAGE_TOKEN_INVALID')
    }
  })
})

test('a group gets another name, unless that is taken', async () => {
  await operator.createGroup({ name: 'before' })
  await operator.createGroup({ name: 'taken' })

  expect(await reasonFor(operator.updateGroup({ name: 'before', newName: 'taken' }))).toBe('ALREADY_EXISTS')
  expect(await reasonFor(operator.updateGroup({ name: 'before', newName: '' }))).toBe('INVALID_ARGUMENT')
  expect((await operator.updateGroup({ name: 'before', newName: 'after' })).group?.name).toBe('after')
  expect(await reasonFor(operator.updateGroup({ name: 'before' }))).toBe('GROUP_NOT_FOUND')
})
