import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { reasonFor, refusalOf } from '../testing/refusals.ts'
import { type AccessControlClient, startService, type TestService } from '../testing/start-service.ts'

let service: TestService
let operator: AccessControlClient

beforeAll(async () => {
  service = await startService()
  operator = service.operator
  await operator.createGroup({ name: 'b-group' })
  await operator.createGroup({ name: 'a-group' })
})
afterAll(() => service.stop())

describe('CreateUser', () => {
  test('makes a user in its groups', async () => {
    const { user } = await operator.createUser({
      username: 'new',
      email: 'new@school.example',
      staff: true,
      superuser: true,
      groupNames: ['b-group', 'a-group'],
    })
    expect(user).toMatchObject({
      username: 'new',
      email: 'new@school.example',
      active: true,
      staff: true,
      superuser: true,
    })
    expect(user?.createTime).toEqual(user?.updateTime)
    expect(await operator.getUser({ username: 'new' })).toMatchObject({
      user,
      groupNames: ['a-group', 'b-group'],
    })
  })

  test('makes a user who is found by a token of that name', async () => {
    const { user } = await operator.createUser({ username: 'before-its-token' })
    const { caller } = await service.asUser('before-its-token').getCaller({})
    expect(caller).toMatchObject({ userId: user?.id, staff: false, superuser: false })
  })

  test('lets two users have one address', async () => {
    await operator.createUser({ username: 'twin-1', email: 'twin@school.example' })
    await operator.createUser({ username: 'twin-2', email: 'twin@school.example' })
  })

  test('refuses a name that is taken, also when several ask at once', async () => {
    expect(await refusalOf(operator.createUser({ username: 'new' }))).toMatchObject({
      reason: 'ALREADY_EXISTS',
      message: 'User new already exists',
    })
    const made = await Promise.allSettled(
      Array.from({ length: 8 }, () => operator.createUser({ username: 'wanted' })),
    )
    expect(made.filter(({ status }) => status === 'fulfilled')).toHaveLength(1)
  })

  test('makes nothing when a group is missing', async () => {
    const call = operator.createUser({ username: 'homeless', groupNames: ['a-group', 'no-group'] })
    expect(await refusalOf(call)).toMatchObject({
      reason: 'GROUP_NOT_FOUND',
      message: 'Group no-group does not exist',
    })
    expect(await reasonFor(operator.getUser({ username: 'homeless' }))).toBe('USER_NOT_FOUND')
  })

  test.each([
    ['an empty name', { username: '' }, ['username']],
    ['a name of 151 characters', { username: 'x'.repeat(151) }, ['username']],
    ['a name that no token could have', { username: 'a\nb' }, ['username']],
    ['an address of 255 characters', { username: 'u', email: 'x'.repeat(255) }, ['email']],
    ['a group named twice', { username: 'u', groupNames: ['a-group', 'a-group'] }, ['group_names']],
    ['a group without a name', { username: 'u', groupNames: [''] }, ['group_names[0]']],
    [
      'all of it',
      { username: '', email: '\0', groupNames: ['', ''] },
      ['username', 'email', 'group_names[0]', 'group_names[1]', 'group_names'],
    ],
  ])('refuses %s', async (_, request, fields) => {
    expect(await refusalOf(operator.createUser(request))).toMatchObject({
      reason: 'INVALID_ARGUMENT',
      fields,
    })
  })
})

describe('UpdateUser', () => {
  test('changes what is set and nothing else', async () => {
    const { user: before } = await operator.createUser({
      username: 'changing',
      email: 'old@school.example',
      staff: true,
      superuser: true,
    })
    const { user } = await operator.updateUser({ username: 'changing', superuser: false })
    expect(user).toMatchObject({ email: 'old@school.example', active: true, staff: true, superuser: false })
    expect(user?.updateTime).not.toEqual(before?.updateTime)
    await operator.updateUser({ username: 'changing', email: '', active: false, staff: false })
    expect((await operator.getUser({ username: 'changing' })).user).toMatchObject({
      email: '',
      active: false,
      staff: false,
      superuser: false,
    })
  })

  test('leaves the time of the last change when nothing changes', async () => {
    const { user: before } = await operator.createUser({ username: 'still' })
    const { user } = await operator.updateUser({ username: 'still', staff: false, email: '' })
    expect(user).toEqual(before)
  })

  test('refuses an unknown user and an address that is too long', async () => {
    expect(await reasonFor(operator.updateUser({ username: 'nobody', active: false }))).toBe('USER_NOT_FOUND')
    expect(await refusalOf(operator.updateUser({ username: 'new', email: 'x'.repeat(255) }))).toMatchObject({
      reason: 'INVALID_ARGUMENT',
      fields: ['email'],
    })
  })
})

test('GetUser tells names apart by case, and refuses who is not there', async () => {
  expect(await reasonFor(operator.getUser({ username: 'NEW' }))).toBe('USER_NOT_FOUND')
  expect(await reasonFor(operator.getUser({ username: '' }))).toBe('INVALID_ARGUMENT')
})
