import { Client as PostgresClient } from 'pg'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { reasonFor, refusalOf } from './testing/refusals.ts'
import { startService, type TestService } from './testing/start-service.ts'

let service: TestService
let database: PostgresClient

beforeAll(async () => {
  service = await startService()
  database = new PostgresClient({
    connectionString: service.databaseUrl,
    options: '-c search_path=access_control',
  })
  await database.connect()
})
afterAll(async () => {
  await database.end()
  await service.stop()
})

const userNamed = async (username: string) => {
  const { user, groupNames } = await service.operator.getUser({ username })
  if (user === undefined) throw new Error('no user')
  return { ...user, groupNames }
}
const see = (username: string, claims: Record<string, unknown> = {}) =>
  service.asUser(username, claims).getCaller({})

describe('the first call of a user', () => {
  test('makes the user from the token, with no rights', async () => {
    const { caller } = await see('ada', { email: 'ada@school.example', administrator: true })
    expect(caller).toMatchObject({
      username: 'ada',
      staff: true,
      superuser: false,
      globalPermissions: [],
      flags: [],
    })
    expect(await userNamed('ada')).toMatchObject({
      id: caller?.userId,
      email: 'ada@school.example',
      active: true,
      staff: true,
      superuser: false,
      groupNames: [],
    })
  })

  test('makes the user whichever RPC it is', async () => {
    await service.asUser('by-resolving').resolvePermissions({})
    await service.asUser('by-listing').listAccessibleResources({})
    await reasonFor(service.asUser('by-being-refused').listGroups({}))
    for (const username of ['by-resolving', 'by-listing', 'by-being-refused']) {
      expect(await userNamed(username)).toMatchObject({ username, email: '' })
    }
  })

  test('made twenty times at once makes one user, in the groups that waited', async () => {
    await service.operator.createGroup({ name: 'rush' })
    await service.operator.inviteByEmail({ email: 'rush@school.example', groupName: 'rush' })
    const client = service.asUser('rush', { email: 'rush@school.example' })
    const answers = await Promise.all(Array.from({ length: 20 }, () => client.getCaller({})))
    expect(new Set(answers.map(({ caller }) => caller?.userId)).size).toBe(1)
    expect((await userNamed('rush')).groupNames).toEqual(['rush'])
  })
})

describe('a later call', () => {
  test('copies a changed address and administrator, and keeps what the token is silent about', async () => {
    await see('bea', { email: 'bea@school.example', administrator: true })
    const before = await userNamed('bea')
    await see('bea', { email: 'bea@university.example' })
    const after = await userNamed('bea')
    expect(after).toMatchObject({
      email: 'bea@university.example',
      staff: true,
      createTime: before.createTime,
    })
    expect(after.updateTime).not.toEqual(before.updateTime)
    await see('bea', { administrator: false })
    expect(await userNamed('bea')).toMatchObject({ email: 'bea@university.example', staff: false })
  })

  test('drops staff that an operator gave when the token says administrator: false', async () => {
    await service.operator.createUser({ username: 'cyd', staff: true })
    expect((await see('cyd')).caller?.staff).toBe(true)
    expect((await see('cyd', { administrator: false })).caller?.staff).toBe(false)
  })

  test('never makes a superuser, whatever the token claims', async () => {
    const claims = { superuser: true, is_superuser: true, administrator: true }
    expect((await see('dan', claims)).caller?.superuser).toBe(false)
  })

  test('writes nothing when nothing differs', async () => {
    const claims = { email: 'eve@school.example', administrator: false }
    await see('eve', claims)
    const rowVersion = async () => {
      const { rows } = await database.query(`select xmin::text, updated_at from users where username = 'eve'`)
      return rows[0]
    }
    const before = await rowVersion()
    await see('eve', claims)
    await see('eve')
    expect(await rowVersion()).toEqual(before)
  })

  test('by an inactive user is refused on every kind of RPC, and changes nothing', async () => {
    await service.operator.createUser({ username: 'fay', email: 'fay@school.example', superuser: true })
    await service.operator.updateUser({ username: 'fay', active: false })
    const fay = service.asUser('fay', { email: 'other@school.example' })
    const calls: (() => Promise<unknown>)[] = [
      () => fay.getCaller({}),
      () => fay.resolvePermissions({}),
      () => fay.resolvePermissions({ programs: [{ programId: 'no uuid', organizationId: '' }] }),
      () => fay.listAccessibleResources({}),
      () => fay.getUser({ username: 'fay' }),
      () => fay.createGroup({ name: '' }),
    ]
    for (const call of calls) {
      expect(await refusalOf(call())).toMatchObject({
        reason: 'USER_INACTIVE',
        message: 'User inactive or deleted.',
      })
    }
    expect(await userNamed('fay')).toMatchObject({ email: 'fay@school.example', active: false })

    await service.operator.updateUser({ username: 'fay', active: true })
    expect((await fay.getCaller({})).caller?.superuser).toBe(true)
  })
})

describe('a membership promised to an address', () => {
  test('comes true for the first user seen with exactly it, and for no other', async () => {
    await service.operator.createGroup({ name: 'waiting' })
    const invitation = { email: 'Gus@school.example', groupName: 'waiting' }
    expect((await service.operator.inviteByEmail(invitation)).joined).toBe(false)
    expect((await service.operator.inviteByEmail(invitation)).joined).toBe(false)
    await see('gus-lower', { email: 'gus@school.example' })
    await see('gus', { email: 'Gus@school.example' })
    await see('gus-again', { email: 'Gus@school.example' })
    expect((await userNamed('gus-lower')).groupNames).toEqual([])
    expect((await userNamed('gus')).groupNames).toEqual(['waiting'])
    expect((await userNamed('gus-again')).groupNames).toEqual([])
  })

  test('comes true at once for every user who has it', async () => {
    await service.operator.createGroup({ name: 'at-once' })
    await see('hal', { email: 'shared@school.example' })
    await see('hal-2', { email: 'shared@school.example' })
    const invitation = { email: 'shared@school.example', groupName: 'at-once' }
    expect((await service.operator.inviteByEmail(invitation)).joined).toBe(true)
    expect((await userNamed('hal')).groupNames).toEqual(['at-once'])
    expect((await userNamed('hal-2')).groupNames).toEqual(['at-once'])
    await see('hal-3', { email: 'shared@school.example' })
    expect((await userNamed('hal-3')).groupNames).toEqual([])
  })

  test('comes true when the token’s address changes, and when an operator changes or makes it', async () => {
    for (const name of ['by-token', 'by-update', 'by-create']) {
      await service.operator.createGroup({ name })
      await service.operator.inviteByEmail({ email: `${name}@school.example`, groupName: name })
    }
    await see('ida', { email: 'ida@school.example' })
    await see('ida', { email: 'by-token@school.example' })
    await service.operator.updateUser({ username: 'ida', email: 'by-update@school.example' })
    expect((await userNamed('ida')).groupNames).toEqual(['by-token', 'by-update'])
    await service.operator.createUser({
      username: 'jan',
      email: 'by-create@school.example',
      groupNames: ['by-create', 'by-token'],
    })
    expect((await userNamed('jan')).groupNames).toEqual(['by-create', 'by-token'])
  })

  test('holds in the very call that makes it true', async () => {
    const programId = '0b000000-0000-4000-8000-0000000000aa'
    await service.operator.createGroup({
      name: 'in-that-call',
      role: 'program_read_metadata',
      resource: { target: { case: 'programId', value: programId } },
    })
    await service.operator.inviteByEmail({ email: 'kim@school.example', groupName: 'in-that-call' })
    const { resources } = await service
      .asUser('kim', { email: 'kim@school.example' })
      .listAccessibleResources({})
    expect(resources).toMatchObject([{ resource: { target: { value: programId } } }])
  })

  test('is found even when user and invitation were made at the same moment', async () => {
    await service.operator.createGroup({ name: 'same-moment' })
    const client = service.asUser('lea', { email: 'lea@school.example' })
    await Promise.all([
      client.getCaller({}),
      service.operator.inviteByEmail({ email: 'lea@school.example', groupName: 'same-moment' }),
    ])
    await client.getCaller({})
    expect((await userNamed('lea')).groupNames).toEqual(['same-moment'])
  })

  test('is not made to a group that does not exist, nor to what is no address', async () => {
    const { operator } = service
    expect(await reasonFor(operator.inviteByEmail({ email: 'a@b.example', groupName: 'none' }))).toBe(
      'GROUP_NOT_FOUND',
    )
    expect(await reasonFor(operator.inviteByEmail({ email: 'a', groupName: 'waiting' }))).toBe(
      'INVALID_ARGUMENT',
    )
  })
})
