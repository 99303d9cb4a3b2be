import { mkdtemp, readdir, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { DomainError, Reason } from '#kit/errors.ts'
import { createTestTokens } from '#kit/testing/tokens.ts'
import { AccessControlService } from '#proto/registrar/accesscontrol/v1/access_control_service_pb.ts'
import { type FakeServices, startFakeServices } from './testing/fake-services.ts'
import { runRegistrar, runRegistrarIn } from './testing/run-registrar.ts'

let services: FakeServices
const { addGroupMember, getUser } = AccessControlService.method
const addMember = ['add-member', 'maria', '--group', 'G']
const nowhere = 'http://127.0.0.1:9'

beforeAll(async () => {
  services = await startFakeServices()
})
beforeEach(() => services.reset())
afterAll(() => services.stop())

const commandNames = [
  'migrate',
  'create-organization',
  'create-program',
  'add-course-run',
  'manage-programs',
  'sync-with-discovery',
  'create-user',
  'update-user',
  'show-user',
  'create-group',
  'update-group',
  'list-groups',
  'add-member',
  'remove-member',
  'invite',
  'grant',
  'revoke',
  'flag',
  'token',
  'jobs',
  'audit',
]

test('--help lists every command and exits 0', async () => {
  const { exitCode, stdout, stderr } = await runRegistrar(['--help'], {})

  expect({ exitCode, stderr }).toEqual({ exitCode: 0, stderr: '' })
  const listed = [...stdout.matchAll(/^ {2}([a-z][a-z-]+) /gm)].map(([, name]) => name)
  expect(listed).toEqual([...commandNames, 'help'])
})

test('--version tells the version of the package', async () => {
  const { exitCode, stdout } = await runRegistrar(['--version'], {})

  expect(exitCode).toBe(0)
  expect(stdout).toMatch(/^\d+\.\d+\.\d+\n$/)
})

describe('bad usage exits 2 and writes nothing on standard output', () => {
  test.each([
    ['no command', [], /^Usage: registrar/],
    ['an unknown command', ['destroy'], /^unknown command 'destroy'\n$/],
    [
      'a missing argument',
      ['add-member', '--group', 'G'],
      /^missing required argument 'username'\nSee registrar add-member --help\n$/,
    ],
    [
      'a missing option',
      ['add-member', 'maria'],
      /^required option '--group <name>' not specified\nSee registrar add-member --help\n$/,
    ],
    [
      'an unknown option',
      [...addMember, '--force'],
      /^unknown option '--force'\nSee registrar add-member --help\n$/,
    ],
    ['one argument too many', [...addMember, 'more'], /^too many arguments for 'add-member'/],
    ['jobs without a command', ['jobs'], /^Usage: registrar jobs/],
  ])('%s', async (_, args, message) => {
    const { exitCode, stdout, stderr } = await runRegistrar(args, services.env)

    expect({ exitCode, stdout }).toEqual({ exitCode: 2, stdout: '' })
    expect(stderr).toMatch(message)
    expect(services.calls).toEqual([])
  })
})

describe('the answer', () => {
  beforeEach(() => services.answer(addGroupMember, () => ({})))

  test('is a sentence for people', async () => {
    expect(await runRegistrar(addMember, services.env)).toEqual({
      exitCode: 0,
      stdout: 'User maria is a member of group G.\n',
      stderr: '',
    })
  })

  test.each([
    ['before', ['--json', ...addMember]],
    ['after', [...addMember, '--json']],
  ])('is JSON with --json %s the command', async (_, args) => {
    const { exitCode, stdout } = await runRegistrar(args, services.env)

    expect(exitCode).toBe(0)
    expect(JSON.parse(stdout)).toEqual({ username: 'maria', group_name: 'G' })
  })
})

test('services are called as the operator', async () => {
  services.answer(addGroupMember, () => ({}))
  await runRegistrar(addMember, services.env)

  expect(services.calls).toEqual([
    { rpc: 'AddGroupMember', caller: 'operator', request: { username: 'maria', groupName: 'G' } },
  ])
})

describe('a refusal exits 1 with one sentence on standard error', () => {
  async function refusalOf(env: Record<string, string>, args = addMember) {
    const { exitCode, stdout, stderr } = await runRegistrar(args, env)
    expect({ exitCode, stdout }).toEqual({ exitCode: 1, stdout: '' })
    return stderr
  }

  test('in the words of the service that refused', async () => {
    services.answer(addGroupMember, () => {
      throw new DomainError(Reason.GROUP_NOT_FOUND, 'group G does\nnot exist \u001b[2J')
    })

    expect(await refusalOf(services.env)).toBe('Group G does not exist \uFFFD[2J\n')
  })

  test('of a service that cannot be reached, naming it and the setting', async () => {
    expect(await refusalOf({ ...services.env, ACCESS_CONTROL_URL: nowhere })).toBe(
      `access-control at ${nowhere} cannot be reached: start it or set ACCESS_CONTROL_URL.\n`,
    )
    const createGroup = ['create-group', 'G', '--role', 'program_read_reports', '--program', 'P']
    expect(await refusalOf({ ...services.env, CATALOG_URL: nowhere }, createGroup)).toBe(
      `catalog at ${nowhere} cannot be reached: start it or set CATALOG_URL.\n`,
    )
    expect(await refusalOf({ ...services.env, JOBS_URL: nowhere }, ['jobs', 'list'])).toBe(
      `jobs at ${nowhere} cannot be reached: start it or set JOBS_URL.\n`,
    )
  })

  test('of a service on a port that was set', async () => {
    const { ACCESS_CONTROL_URL: _, ...env } = services.env

    expect(await refusalOf({ ...env, ACCESS_CONTROL_PORT: '9' })).toContain(
      `access-control at ${nowhere} cannot be`,
    )
  })

  test('when the services have another key', async () => {
    const { servicePrivateJwk } = await createTestTokens()

    expect(await refusalOf({ ...services.env, SERVICE_PRIVATE_KEY: JSON.stringify(servicePrivateJwk) })).toBe(
      `access-control at ${services.env.ACCESS_CONTROL_URL} does not know this command's key: set SERVICE_PRIVATE_KEY, or REGISTRAR_DATA_DIR, to what the services use.\n`,
    )
  })

  test('when a part that the service needs is away', async () => {
    services.answer(getUser, () => {
      throw new DomainError(Reason.UNAVAILABLE, 'the database is away', { retryAfterSeconds: 1 })
    })

    expect(await refusalOf(services.env, ['show-user', 'maria'])).toBe(
      `access-control at ${services.env.ACCESS_CONTROL_URL} cannot do this now: the database is away.\n`,
    )
  })

  test('when the service failed, with the request id that its log has', async () => {
    services.answer(addGroupMember, () => {
      throw new TypeError('a fault with insides')
    })
    const stderr = await refusalOf(services.env)

    expect(stderr).toMatch(
      /^access-control at \S+ failed: its log tells why, under request id [0-9a-f-]{36}\.\n$/,
    )
    expect(stderr).not.toContain('insides')
  })

  test('when there is no key, making no folder', async () => {
    const { SERVICE_PRIVATE_KEY: _, ...env } = services.env
    const folder = await mkdtemp(join(tmpdir(), 'registrar-cli-'))
    const { exitCode, stderr } = await runRegistrarIn(folder, addMember, env)

    expect(exitCode).toBe(1)
    expect(stderr).toBe(
      'There is no folder .registrar here: run this where the system was started, or set REGISTRAR_DATA_DIR or SERVICE_PRIVATE_KEY.\n',
    )
    expect(await readdir(folder)).toEqual([])
    await rm(folder, { recursive: true })
  })

  test('when production has no key', async () => {
    const { SERVICE_PRIVATE_KEY: _, ...env } = services.env

    expect(await refusalOf({ ...env, NODE_ENV: 'production' })).toMatch(
      /^SERVICE_PRIVATE_KEY is missing: set it to /,
    )
  })

  test('when a setting cannot be used', async () => {
    expect(await refusalOf({ ...services.env, CATALOG_URL: 'catalog:1' })).toBe(
      'CATALOG_URL is not usable: set it to a URL that starts with http:// or https://.\n',
    )
  })
})
