import { afterAll, beforeAll, expect, test } from 'vitest'
import type { SetFlagRequest } from '#proto/registrar/accesscontrol/v1/access_control_service_pb.ts'
import { reasonFor, refusalOf } from '../testing/refusals.ts'
import { startService, type TestService } from '../testing/start-service.ts'

const flag = 'enable_course_role_management'
const otherFlag = 'include_name_email_in_get_program_enrollment'

let service: TestService

beforeAll(async () => {
  service = await startService()
  await service.operator.createGroup({ name: 'group' })
  await service.operator.createUser({ username: 'root', superuser: true })
  await service.operator.createUser({ username: 'member', groupNames: ['group'] })
  await service.operator.createUser({ username: 'other' })
})
afterAll(() => service.stop())

const flagsOf = async (username: string) => (await service.asUser(username).getCaller({})).caller?.flags
const set = (subject: SetFlagRequest['subject'], enabled: boolean, name = flag) =>
  service.operator.setFlag({ flag: name, subject, enabled })

test.each<[string, SetFlagRequest['subject'], string[]]>([
  ['a user', { case: 'username', value: 'other' }, ['other', 'root']],
  ['a group', { case: 'groupName', value: 'group' }, ['member', 'root']],
  ['everyone', { case: 'everyone', value: true }, ['member', 'other', 'root']],
])('a flag on for %s is on for them and for superusers, until it is off', async (_, subject, having) => {
  await set(subject, true)
  await set(subject, true)
  for (const username of ['member', 'other', 'root']) {
    expect(await flagsOf(username), username).toEqual(having.includes(username) ? [flag] : [])
  }
  await set(subject, false)
  await set(subject, false)
  for (const username of ['member', 'other', 'root']) expect(await flagsOf(username)).toEqual([])
})

test('a flag is on as long as one of its reasons stands, and told once, in order', async () => {
  await set({ case: 'everyone', value: true }, true, otherFlag)
  await set({ case: 'everyone', value: true }, true)
  await set({ case: 'username', value: 'member' }, true)
  await set({ case: 'groupName', value: 'group' }, true)
  expect(await flagsOf('member')).toEqual([flag, otherFlag])
  await set({ case: 'everyone', value: true }, false)
  expect(await flagsOf('other')).toEqual([otherFlag])
  await set({ case: 'username', value: 'member' }, false)
  expect(await flagsOf('member')).toEqual([flag, otherFlag])
  const { caller } = await service.asUser('member').resolvePermissions({})
  expect(caller?.flags).toEqual([flag, otherFlag])
})

test('who or what is not there is refused', async () => {
  expect(await reasonFor(set({ case: 'username', value: 'nobody' }, true))).toBe('USER_NOT_FOUND')
  expect(await reasonFor(set({ case: 'username', value: 'nobody' }, false))).toBe('USER_NOT_FOUND')
  expect(await reasonFor(set({ case: 'groupName', value: 'none' }, true))).toBe('GROUP_NOT_FOUND')
})

test.each<[string, SetFlagRequest['subject'], string, string[]]>([
  ['an unknown flag', { case: 'everyone', value: true }, 'dark_mode', ['flag']],
  ['nobody', { case: undefined }, flag, ['subject']],
  ['everyone: false', { case: 'everyone', value: false }, flag, ['everyone']],
  ['an empty name', { case: 'groupName', value: '' }, flag, ['group_name']],
])('%s is refused', async (_, subject, name, fields) => {
  expect(await refusalOf(set(subject, true, name))).toMatchObject({ reason: 'INVALID_ARGUMENT', fields })
})
