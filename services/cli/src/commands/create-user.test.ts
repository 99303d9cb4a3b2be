import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { DomainError, Reason } from '#kit/errors.ts'
import { AccessControlService } from '#proto/registrar/accesscontrol/v1/access_control_service_pb.ts'
import { type FakeServices, startFakeServices } from '../testing/fake-services.ts'
import { type Outcome, runRegistrar } from '../testing/run-registrar.ts'

const { createUser, updateUser, getUser } = AccessControlService.method
let services: FakeServices

beforeAll(async () => {
  services = await startFakeServices()
})
beforeEach(() => services.reset())
afterAll(() => services.stop())

const run = (...args: string[]): Promise<Outcome> => runRegistrar(args, services.env)
const requests = () => services.calls.map(({ request }) => request)

describe('create-user', () => {
  test('makes a user with nothing but a name', async () => {
    services.answer(createUser, ({ username }) => ({ user: { username, active: true } }))

    expect(await run('create-user', 'maria')).toEqual({
      exitCode: 0,
      stdout: 'User maria was created.\n',
      stderr: '',
    })
    expect(requests()).toEqual([{ username: 'maria' }])
  })

  test.each([['--groups'], ['-g']])('makes a user with everything, groups by %s', async (groups) => {
    services.answer(createUser, ({ username }) => ({ user: { id: 'u1', username, active: true } }))
    const { stdout } = await run(
      ...['create-user', 'maria', '--email', 'm@example.org', '--superuser', '--staff'],
      ...[groups, 'A', 'B', '--json'],
    )

    expect(requests()).toEqual([
      { username: 'maria', email: 'm@example.org', superuser: true, staff: true, groupNames: ['A', 'B'] },
    ])
    expect(JSON.parse(stdout)).toMatchObject({ id: 'u1', username: 'maria', active: true, staff: false })
  })

  test('refuses to name a group twice', async () => {
    const { exitCode, stderr } = await run('create-user', 'maria', '-g', 'A', 'B', 'A')

    expect(exitCode).toBe(2)
    expect(stderr).toMatch(/^Duplicate groups not allowed\n/)
    expect(services.calls).toEqual([])
  })

  test.each([
    [Reason.ALREADY_EXISTS, 'User maria already exists'],
    [Reason.GROUP_NOT_FOUND, 'Group A does not exist'],
  ])('passes on refusal %i', async (reason, message) => {
    services.answer(createUser, () => {
      throw new DomainError(reason, message)
    })

    expect(await run('create-user', 'maria', '-g', 'A')).toEqual({
      exitCode: 1,
      stdout: '',
      stderr: `${message}\n`,
    })
  })
})

describe('update-user', () => {
  test.each([
    [['--email', 'm@example.org'], { email: 'm@example.org' }],
    [['--email', ''], { email: '' }],
    [['--active'], { active: true }],
    [['--inactive'], { active: false }],
    [['--staff'], { staff: true }],
    [['--no-staff', '--superuser'], { staff: false, superuser: true }],
    [['--no-superuser'], { superuser: false }],
  ])('%j changes that and nothing else', async (options, changes) => {
    services.answer(updateUser, ({ username }) => ({ user: { username } }))

    expect(await run('update-user', 'maria', ...options)).toEqual({
      exitCode: 0,
      stdout: 'User maria was changed.\n',
      stderr: '',
    })
    expect(requests()).toEqual([{ username: 'maria', ...changes }])
  })

  test.each([
    ['nothing to change', [], /^Name something to change\.\n/],
    ['both ways at once', ['--active', '--inactive'], /cannot be used with option/],
  ])('refuses %s', async (_, options, message) => {
    const { exitCode, stderr } = await run('update-user', 'maria', ...options)

    expect(exitCode).toBe(2)
    expect(stderr).toMatch(message)
    expect(services.calls).toEqual([])
  })
})

describe('show-user', () => {
  const createTime = { seconds: 1_700_000_000n }
  const user = { id: 'u1', username: 'maria', active: true, staff: true, createTime }

  test('tells a person what is known', async () => {
    services.answer(getUser, () => ({ user, groupNames: ['A', 'B'] }))
    const { stdout } = await run('show-user', 'maria')

    expect(stdout).toBe(
      [
        'username   maria',
        'active     yes',
        'staff      yes',
        'superuser  no',
        'groups     A, B',
        'created    2023-11-14T22:13:20.000Z',
        '',
      ].join('\n'),
    )
  })

  test('tells a program', async () => {
    services.answer(getUser, () => ({ user, groupNames: [] }))
    const { stdout } = await run('show-user', 'maria', '--json')

    expect(JSON.parse(stdout)).toMatchObject({
      user: { id: 'u1', username: 'maria', email: '', superuser: false, create_time: '2023-11-14T22:13:20Z' },
      group_names: [],
    })
  })
})
