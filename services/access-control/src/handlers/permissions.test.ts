import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { Permission } from '#proto/registrar/accesscontrol/v1/permission_pb.ts'
import { reasonFor, refusalOf } from '../testing/refusals.ts'
import { organization, program } from '../testing/resources.ts'
import { type AccessControlClient, startService, type TestService } from '../testing/start-service.ts'

const { READ_METADATA, READ_ENROLLMENTS, WRITE_ENROLLMENTS, READ_REPORTS, JOB_GLOBAL_READ } = Permission

let service: TestService
let operator: AccessControlClient

const stem = '0a000000-0000-4000-8000-000000000001'
const arts = '0a000000-0000-4000-8000-000000000002'
const physics = { programId: '0b000000-0000-4000-8000-000000000001', organizationId: stem }
const biology = { programId: '0b000000-0000-4000-8000-000000000002', organizationId: stem }
const dance = { programId: '0b000000-0000-4000-8000-000000000003', organizationId: arts }

beforeAll(async () => {
  service = await startService()
  operator = service.operator
  await operator.createGroup({ name: 'plain' })
  await operator.createGroup({
    name: 'on-stem',
    role: 'organization_read_write_enrollments',
    resource: organization(stem),
  })
  await operator.createGroup({
    name: 'on-physics',
    role: 'program_read_reports',
    resource: program(physics.programId),
  })
})
afterAll(() => service.stop())

const user = (username: string) => ({ case: 'username' as const, value: username })
const group = (name: string) => ({ case: 'groupName' as const, value: name })

/** What the user may do on physics, biology and dance. */
async function resolve(username: string) {
  const { programs } = await service
    .asUser(username)
    .resolvePermissions({ programs: [physics, biology, dance] })
  return programs.map(({ permissions }) => permissions)
}

describe('permission on a program comes from', () => {
  test('a user’s grant on the program', async () => {
    await operator.createUser({ username: 'a' })
    await operator.grantPermission({
      permission: READ_METADATA,
      subject: user('a'),
      resource: program(physics.programId),
    })
    expect(await resolve('a')).toEqual([[READ_METADATA], [], []])
  })

  test('a group’s grant on the program', async () => {
    await operator.createGroup({ name: 'granted-program' })
    await operator.createUser({ username: 'b', groupNames: ['granted-program'] })
    await operator.grantPermission({
      permission: WRITE_ENROLLMENTS,
      subject: group('granted-program'),
      resource: program(biology.programId),
    })
    expect(await resolve('b')).toEqual([[], [WRITE_ENROLLMENTS], []])
  })

  test('a user’s or a group’s grant on its organization', async () => {
    await operator.createGroup({ name: 'granted-organization' })
    await operator.createUser({ username: 'c', groupNames: ['granted-organization'] })
    await operator.grantPermission({
      permission: READ_REPORTS,
      subject: user('c'),
      resource: organization(stem),
    })
    await operator.grantPermission({
      permission: READ_ENROLLMENTS,
      subject: group('granted-organization'),
      resource: organization(arts),
    })
    expect(await resolve('c')).toEqual([[READ_REPORTS], [READ_REPORTS], [READ_ENROLLMENTS]])
  })

  test('a group’s role on its organization or on it', async () => {
    await operator.createUser({ username: 'd', groupNames: ['on-stem', 'on-physics'] })
    const writing = [READ_METADATA, READ_ENROLLMENTS, WRITE_ENROLLMENTS]
    expect(await resolve('d')).toEqual([[...writing, READ_REPORTS], writing, []])
    const { caller } = await service.asUser('d').getCaller({})
    expect(caller?.globalPermissions).toEqual([])
  })

  test('a global grant to the user or to a group', async () => {
    await operator.createGroup({ name: 'granted-globally' })
    await operator.createUser({ username: 'e', groupNames: ['granted-globally'] })
    await operator.grantPermission({ permission: READ_METADATA, subject: user('e') })
    await operator.grantPermission({ permission: READ_REPORTS, subject: group('granted-globally') })
    await operator.grantPermission({ permission: JOB_GLOBAL_READ, subject: group('granted-globally') })
    const both = [READ_METADATA, READ_REPORTS]
    expect(await resolve('e')).toEqual([both, both, both])
    const { caller, resources } = await service.asUser('e').listAccessibleResources({})
    expect(caller?.globalPermissions).toEqual([...both, JOB_GLOBAL_READ])
    expect(resources).toEqual([])
  })

  test('being a superuser; being staff gives none', async () => {
    await operator.createUser({ username: 'f', superuser: true })
    await operator.createUser({ username: 'g', staff: true })
    const all = [READ_METADATA, READ_ENROLLMENTS, WRITE_ENROLLMENTS, READ_REPORTS]
    expect(await resolve('f')).toEqual([all, all, all])
    expect((await service.asUser('f').getCaller({})).caller?.globalPermissions).toEqual([
      ...all,
      JOB_GLOBAL_READ,
    ])
    expect(await resolve('g')).toEqual([[], [], []])
  })
})

test('an answer comes for each program, in the order of the question, with the caller', async () => {
  await operator.createUser({ username: 'h', groupNames: ['on-physics'] })
  const { caller, programs } = await service.asUser('h').resolvePermissions({
    programs: [dance, { ...physics, programId: physics.programId.toUpperCase() }, dance],
  })
  expect(caller).toMatchObject({ username: 'h', superuser: false })
  expect(programs.map(({ resource, permissions }) => [resource?.target.value, permissions.length])).toEqual([
    [dance.programId, 0],
    [physics.programId, 2],
    [dance.programId, 0],
  ])
})

test('accessible resources are told once each, by id', async () => {
  await operator.createUser({ username: 'i', groupNames: ['on-physics', 'on-stem'] })
  await operator.grantPermission({
    permission: WRITE_ENROLLMENTS,
    subject: user('i'),
    resource: program(physics.programId),
  })
  const { resources } = await service.asUser('i').listAccessibleResources({})
  expect(resources).toMatchObject([
    { resource: organization(stem), permissions: [READ_METADATA, READ_ENROLLMENTS, WRITE_ENROLLMENTS] },
    { resource: program(physics.programId), permissions: [READ_METADATA, WRITE_ENROLLMENTS, READ_REPORTS] },
  ])
  expect(resources).toHaveLength(2)
})

test('a thousand programs are answered in one call, a thousand and one are not', async () => {
  const programs = Array.from({ length: 1_001 }, (_, index) => ({
    programId: `0b000000-0000-4000-8000-${String(index).padStart(12, '0')}`,
    organizationId: stem,
  }))
  await operator.createUser({ username: 'j', groupNames: ['on-stem'] })
  const client = service.asUser('j')
  const answer = await client.resolvePermissions({ programs: programs.slice(1) })
  expect(answer.programs.every(({ permissions }) => permissions.length === 3)).toBe(true)
  expect(answer.programs).toHaveLength(1_000)
  expect(await refusalOf(client.resolvePermissions({ programs }))).toMatchObject({
    reason: 'TOO_LARGE',
    fields: ['programs'],
  })
})

test('ids that are no uuids are told one by one', async () => {
  const call = service.asUser('k').resolvePermissions({
    programs: [
      physics,
      { programId: 'physics', organizationId: '' },
      { ...dance, organizationId: `${arts}0` },
    ],
  })
  expect(await refusalOf(call)).toMatchObject({
    reason: 'INVALID_ARGUMENT',
    fields: ['programs[1].program_id', 'programs[1].organization_id', 'programs[2].organization_id'],
  })
})

describe('GrantPermission and RevokePermission', () => {
  test('granting twice is as granting once, and what a role gives outlasts its grant', async () => {
    await operator.createUser({ username: 'l', groupNames: ['on-physics'] })
    const grant = { permission: READ_METADATA, subject: user('l'), resource: program(physics.programId) }
    await operator.grantPermission(grant)
    await operator.grantPermission(grant)
    await operator.revokePermission(grant)
    expect(await resolve('l')).toEqual([[READ_METADATA, READ_REPORTS], [], []])
    expect(await reasonFor(operator.revokePermission(grant))).toBe('GRANT_NOT_FOUND')
  })

  test('revoking takes exactly that grant', async () => {
    await operator.createGroup({ name: 'revoked' })
    await operator.createUser({ username: 'm', groupNames: ['revoked'] })
    const toGroup = { permission: READ_METADATA, subject: group('revoked') }
    const toUser = { permission: READ_METADATA, subject: user('m') }
    const grants = [
      toUser,
      toGroup,
      { ...toGroup, permission: READ_REPORTS },
      { ...toGroup, resource: organization(stem) },
      { ...toGroup, resource: program(physics.programId) },
      { ...toGroup, resource: program(biology.programId) },
      // The id of the organization, of the other kind.
      { ...toGroup, resource: program(stem) },
      { ...toGroup, permission: WRITE_ENROLLMENTS, resource: program(physics.programId) },
    ]
    for (const grant of grants) await operator.grantPermission(grant)
    // Each in turn is gone by itself: whatever took another along would leave that one not to be found.
    for (const grant of grants) {
      await operator.revokePermission(grant)
      expect(await reasonFor(operator.revokePermission(grant))).toBe('GRANT_NOT_FOUND')
    }
    expect(await resolve('m')).toEqual([[], [], []])
  })

  test('refuse a user or a group that is not there', async () => {
    const toNobody = { permission: READ_METADATA, subject: user('nobody') }
    const toNone = { permission: READ_METADATA, subject: group('none') }
    expect(await reasonFor(operator.grantPermission(toNobody))).toBe('USER_NOT_FOUND')
    expect(await reasonFor(operator.grantPermission(toNone))).toBe('GROUP_NOT_FOUND')
    expect(await reasonFor(operator.revokePermission(toNobody))).toBe('GRANT_NOT_FOUND')
  })

  test.each([
    ['no permission', { subject: group('plain') }, ['permission']],
    ['an unknown permission', { permission: 99 as Permission, subject: group('plain') }, ['permission']],
    ['nobody to give it to', { permission: READ_METADATA }, ['subject']],
    ['a name that is empty', { permission: READ_METADATA, subject: user('') }, ['username']],
    [
      'a resource that names nothing',
      { permission: READ_METADATA, subject: group('plain'), resource: {} },
      ['resource'],
    ],
    [
      'a resource that is no uuid',
      { permission: READ_METADATA, subject: group('plain'), resource: organization('') },
      ['resource.organization_id'],
    ],
    [
      'seeing all jobs on a program',
      { permission: JOB_GLOBAL_READ, subject: group('plain'), resource: program(physics.programId) },
      ['permission'],
    ],
    [
      'seeing all jobs on an organization',
      { permission: JOB_GLOBAL_READ, subject: group('plain'), resource: organization(stem) },
      ['permission'],
    ],
  ])('refuse %s', async (_, request, fields) => {
    for (const call of [operator.grantPermission, operator.revokePermission]) {
      expect(await refusalOf(call(request))).toMatchObject({ reason: 'INVALID_ARGUMENT', fields })
    }
  })
})
