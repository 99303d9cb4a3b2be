import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { DomainError, Reason } from '#kit/errors.ts'
import { AccessControlService } from '#proto/registrar/accesscontrol/v1/access_control_service_pb.ts'
import { CatalogService } from '#proto/registrar/catalog/v1/catalog_service_pb.ts'
import { type FakeServices, startFakeServices } from '../testing/fake-services.ts'
import { type Outcome, runRegistrar } from '../testing/run-registrar.ts'

const { grantPermission, revokePermission, setFlag } = AccessControlService.method
const { getOrganization, getProgram } = CatalogService.method
let services: FakeServices

beforeAll(async () => {
  services = await startFakeServices()
})
beforeEach(() => {
  services.reset()
  services.answer(getOrganization, ({ key }) => ({ organization: { id: `id of ${key}`, key } }))
  services.answer(getProgram, ({ key }) => ({ program: { id: `id of ${key}`, key } }))
  services.answer(grantPermission, () => ({}))
  services.answer(revokePermission, () => ({}))
  services.answer(setFlag, () => ({}))
})
afterAll(() => services.stop())

const run = (...args: string[]): Promise<Outcome> => runRegistrar(args, services.env)
const lastRequest = () => services.calls.at(-1)?.request

const grants: [string[], object, string][] = [
  [
    ['read_metadata', '--user', 'maria', '--organization', 'O'],
    { permission: 'PERMISSION_READ_METADATA', username: 'maria', resource: { organizationId: 'id of O' } },
    'read_metadata on organization O is granted to user maria.\n',
  ],
  [
    ['core.program_write_enrollments', '--group', 'G', '--program', 'P'],
    { permission: 'PERMISSION_WRITE_ENROLLMENTS', groupName: 'G', resource: { programId: 'id of P' } },
    'core.program_write_enrollments on program P is granted to group G.\n',
  ],
  [
    ['core.job_global_read', '--user', 'maria'],
    { permission: 'PERMISSION_JOB_GLOBAL_READ', username: 'maria' },
    'core.job_global_read on everything is granted to user maria.\n',
  ],
]

describe('grant', () => {
  test.each(grants)('%j', async (args, request, sentence) => {
    expect(await run('grant', ...args)).toEqual({ exitCode: 0, stdout: sentence, stderr: '' })
    expect(lastRequest()).toEqual(request)
  })

  test('tells programs what was granted', async () => {
    const { stdout } = await run('grant', 'read_reports', '--group', 'G', '--program', 'P', '--json')

    expect(JSON.parse(stdout)).toEqual({
      permission: 'PERMISSION_READ_REPORTS',
      group_name: 'G',
      resource: { program_id: 'id of P' },
    })
  })
})

describe('revoke', () => {
  test.each(grants)('%j', async (args, request, sentence) => {
    expect(await run('revoke', ...args)).toEqual({
      exitCode: 0,
      stdout: sentence.replace('is granted to', 'is taken back from'),
      stderr: '',
    })
    expect(services.calls.at(-1)).toMatchObject({ rpc: 'RevokePermission', request })
  })

  test('is refused when there is nothing to take back', async () => {
    services.answer(revokePermission, () => {
      throw new DomainError(Reason.GRANT_NOT_FOUND, 'There is no such grant')
    })

    expect(await run('revoke', 'read_metadata', '--user', 'maria')).toEqual({
      exitCode: 1,
      stdout: '',
      stderr: 'There is no such grant\n',
    })
  })
})

describe.each(['grant', 'revoke'])('%s refuses', (command) => {
  test.each([
    [['read_metadata'], /^Name one of --user and --group\.\n/],
    [['read_metadata', '--user', 'maria', '--group', 'G'], /^Name one of --user and --group\.\n/],
    [['read_everything', '--user', 'maria'], /^read_everything is no permission: use one of read_metadata, /],
    [
      ['program_read_metadata', '--user', 'maria', '--organization', 'O'],
      /it does not go with --organization/,
    ],
    [['organization_read_metadata', '--user', 'maria', '--program', 'P'], /it does not go with --program/],
    [['job_global_read', '--user', 'maria', '--program', 'P'], /only granted on everything/],
    [
      ['read_metadata', '--user', 'maria', '--program', 'P', '--organization', 'O'],
      /cannot be used with option/,
    ],
  ])('%j', async (args, message) => {
    const { exitCode, stdout, stderr } = await run(command, ...args)

    expect({ exitCode, stdout }).toEqual({ exitCode: 2, stdout: '' })
    expect(stderr).toMatch(message)
    expect(services.calls).toEqual([])
  })
})

describe('flag', () => {
  const flag = 'enable_course_role_management'

  test.each([
    [['--everyone', 'on'], { flag, everyone: true, enabled: true }, 'on for everyone'],
    [['--everyone', 'off'], { flag, everyone: true }, 'off for everyone'],
    [['--user', 'maria'], { flag, username: 'maria', enabled: true }, 'on for user maria'],
    [['--user', 'maria', '--off'], { flag, username: 'maria' }, 'off for user maria'],
    [['--group', 'G'], { flag, groupName: 'G', enabled: true }, 'on for group G'],
    [['--off', '--group', 'G'], { flag, groupName: 'G' }, 'off for group G'],
  ])('%j', async (options, request, state) => {
    expect(await run('flag', flag, ...options)).toEqual({
      exitCode: 0,
      stdout: `Flag ${flag} is ${state}.\n`,
      stderr: '',
    })
    expect(lastRequest()).toEqual(request)
  })

  test('tells programs what is set', async () => {
    const { stdout } = await run('flag', flag, '--everyone', 'off', '--json')

    expect(JSON.parse(stdout)).toEqual({ flag, everyone: true, enabled: false })
  })

  test.each([
    [[], /^Name one of --everyone, --user and --group\.\n/],
    [['--off'], /^Name one of --everyone, --user and --group\.\n/],
    [['--user', 'maria', '--group', 'G'], /^Name one of --user and --group\.\n/],
    [['--everyone', 'maybe'], /Allowed choices are on, off/],
    [['--everyone', 'on', '--off'], /cannot be used with option/],
    [['--everyone', 'on', '--user', 'maria'], /cannot be used with option/],
  ])('refuses %j', async (options, message) => {
    const { exitCode, stderr } = await run('flag', flag, ...options)

    expect(exitCode).toBe(2)
    expect(stderr).toMatch(message)
    expect(services.calls).toEqual([])
  })
})
