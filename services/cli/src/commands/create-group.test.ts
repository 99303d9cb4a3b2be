import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { DomainError, Reason } from '#kit/errors.ts'
import { AccessControlService } from '#proto/registrar/accesscontrol/v1/access_control_service_pb.ts'
import { CatalogService } from '#proto/registrar/catalog/v1/catalog_service_pb.ts'
import { type FakeServices, startFakeServices } from '../testing/fake-services.ts'
import { type Outcome, runRegistrar } from '../testing/run-registrar.ts'

const accessControl = AccessControlService.method
const catalog = CatalogService.method
let services: FakeServices

beforeAll(async () => {
  services = await startFakeServices()
})
beforeEach(() => {
  services.reset()
  services.answer(catalog.getOrganization, ({ key }) => ({ organization: { id: `id of ${key}`, key } }))
  services.answer(catalog.getProgram, ({ key }) => ({ program: { id: `id of ${key}`, key } }))
})
afterAll(() => services.stop())

const run = (...args: string[]): Promise<Outcome> => runRegistrar(args, services.env)
const lastRequest = () => services.calls.at(-1)?.request

describe('create-group', () => {
  beforeEach(() => {
    services.answer(accessControl.createGroup, ({ name, role, resource }) => ({
      group: { id: 'g1', name, role, resource },
    }))
  })

  test.each([
    ['--organization', 'organization_read_reports', { organizationId: 'id of K' }, 'organization K'],
    ['--program', 'program_read_write_enrollments', { programId: 'id of K' }, 'program K'],
  ])('makes a group with a role on what %s names', async (option, role, resource, described) => {
    expect(await run('create-group', 'G', option, 'K', '--role', role)).toEqual({
      exitCode: 0,
      stdout: `Group G was created with ${role} on ${described}.\n`,
      stderr: '',
    })
    expect(lastRequest()).toEqual({ name: 'G', role, resource })
  })

  test('makes a plain group when told so, and tells it to programs', async () => {
    const { stdout } = await run('create-group', 'G', '--plain', '--json')

    expect(lastRequest()).toEqual({ name: 'G' })
    expect(JSON.parse(stdout)).toEqual({ id: 'g1', name: 'G', role: '', member_count: 0 })
  })

  test.each([
    ['--organization', 'organization'],
    ['--program', 'program'],
  ])('refuses a key that the catalog does not know: %s', async (option, kind) => {
    services.answer(catalog.getOrganization, () => {
      throw new DomainError(Reason.ORGANIZATION_NOT_FOUND, 'no such organization')
    })
    services.answer(catalog.getProgram, () => {
      throw new DomainError(Reason.PROGRAM_NOT_FOUND, 'no such program')
    })
    const { exitCode, stderr } = await run('create-group', 'G', option, 'K', '--role', `${kind}_read_reports`)

    expect({ exitCode, stderr }).toEqual({
      exitCode: 1,
      stderr: `There is no ${kind} with the key K.\n`,
    })
    expect(services.calls).toHaveLength(1)
  })

  test.each([
    [['--role', 'organization_read_reports'], /^Name --role and one of --organization and --program, or/],
    [['--organization', 'O'], /^Name --role and one of/],
    [[], /^Name --role and one of/],
    [['--plain', '--role', 'program_read_reports'], /^A plain group has no role/],
    [['--role', 'owner', '--program', 'P'], /^owner is no role: use one of organization_read_metadata, /],
    [['--role', 'program_read_reports', '--organization', 'O'], /does not go with --organization\.\n/],
    [['--role', 'organization_read_reports', '--program', 'P'], /does not go with --program\.\n/],
    [
      ['--role', 'program_read_reports', '--organization', 'O', '--program', 'P'],
      /cannot be used with option/,
    ],
  ])('refuses %j', async (options, message) => {
    const { exitCode, stderr } = await run('create-group', 'G', ...options)

    expect(exitCode).toBe(2)
    expect(stderr).toMatch(message)
    expect(services.calls).toEqual([])
  })
})

describe('update-group', () => {
  beforeEach(() => services.answer(accessControl.updateGroup, ({ name }) => ({ group: { name } })))

  test.each([
    [['--role', 'program_read_metadata'], { role: 'program_read_metadata' }],
    [['--program', 'P'], { resource: { programId: 'id of P' } }],
    [
      ['--role', 'organization_read_metadata', '--organization', 'O'],
      { role: 'organization_read_metadata', resource: { organizationId: 'id of O' } },
    ],
  ])('%j changes that and nothing else', async (options, changes) => {
    expect(await run('update-group', 'G', ...options)).toEqual({
      exitCode: 0,
      stdout: 'Group G was changed.\n',
      stderr: '',
    })
    expect(lastRequest()).toEqual({ name: 'G', ...changes })
  })

  test.each([
    [[], /^Name something to change/],
    [['--role', 'program_read_metadata', '--organization', 'O'], /does not go with --organization/],
    [['--role', 'owner'], /^owner is no role/],
  ])('refuses %j', async (options, message) => {
    const { exitCode, stderr } = await run('update-group', 'G', ...options)

    expect(exitCode).toBe(2)
    expect(stderr).toMatch(message)
    expect(services.calls).toEqual([])
  })
})

describe('list-groups', () => {
  beforeEach(() => {
    services.answer(accessControl.listGroups, ({ pageToken }) =>
      pageToken === ''
        ? {
            groups: [
              {
                name: 'A',
                role: 'organization_read_reports',
                resource: { target: { case: 'organizationId' as const, value: 'o1' } },
                memberCount: 12,
              },
            ],
            nextPageToken: 'more',
          }
        : { groups: [{ name: 'plain' }] },
    )
  })

  test('reads all pages', async () => {
    expect((await run('list-groups')).stdout).toBe(
      [
        'NAME   ROLE                       ON               MEMBERS',
        'A      organization_read_reports  organization o1  12',
        'plain                                              0',
        '',
      ].join('\n'),
    )
    expect(services.calls.map(({ request }) => request)).toEqual([
      { pageSize: 1000 },
      { pageSize: 1000, pageToken: 'more' },
    ])
  })

  test('tells programs', async () => {
    expect(JSON.parse((await run('list-groups', '--json')).stdout)).toEqual([
      {
        id: '',
        name: 'A',
        role: 'organization_read_reports',
        resource: { organization_id: 'o1' },
        member_count: 12,
      },
      { id: '', name: 'plain', role: '', member_count: 0 },
    ])
  })
})

describe('remove-member', () => {
  test('takes a user out of a group', async () => {
    services.answer(accessControl.removeGroupMember, () => ({}))

    expect(await run('remove-member', 'maria', '--group', 'G')).toEqual({
      exitCode: 0,
      stdout: 'User maria is no longer a member of group G.\n',
      stderr: '',
    })
    expect(lastRequest()).toEqual({ username: 'maria', groupName: 'G' })
  })
})

describe('invite', () => {
  test.each([
    [true, 'm@example.org is a member of group G.\n'],
    [false, 'm@example.org becomes a member of group G on the first call with that address.\n'],
  ])('tells what came of it: joined %s', async (joined, sentence) => {
    services.answer(accessControl.inviteByEmail, () => ({ joined }))
    const args = ['invite', 'm@example.org', '--group', 'G']

    expect(await run(...args)).toEqual({ exitCode: 0, stdout: sentence, stderr: '' })
    expect(lastRequest()).toEqual({ email: 'm@example.org', groupName: 'G' })
    expect(JSON.parse((await run(...args, '--json')).stdout)).toEqual({
      email: 'm@example.org',
      group_name: 'G',
      joined,
    })
  })
})
