import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { DomainError, Reason } from '#kit/errors.ts'
import {
  AccessControlService,
  type CreateGroupRequest,
} from '#proto/registrar/accesscontrol/v1/access_control_service_pb.ts'
import { CatalogService } from '#proto/registrar/catalog/v1/catalog_service_pb.ts'
import { type FakeServices, startFakeServices } from '../testing/fake-services.ts'
import { type Outcome, runRegistrar } from '../testing/run-registrar.ts'
import { foldGroupValues } from './create-organization.ts'

const { createGroup, listGroups } = AccessControlService.method
const { createOrganization, getOrganization } = CatalogService.method
let services: FakeServices
/** What the fake services have: ids of organizations by key, and groups in the order in which they were made. */
let organizations: Map<string, string>
let groups: CreateGroupRequest[]

beforeAll(async () => {
  services = await startFakeServices()
})
beforeEach(() => {
  services.reset()
  organizations = new Map()
  groups = []
  services.answer(getOrganization, ({ key }) => {
    const id = organizations.get(key)
    if (id === undefined) throw new DomainError(Reason.ORGANIZATION_NOT_FOUND, 'no such organization')
    return { organization: { id, key } }
  })
  services.answer(createOrganization, ({ key }) => {
    if (organizations.has(key)) throw new DomainError(Reason.ALREADY_EXISTS, 'the key is taken')
    organizations.set(key, `id of ${key}`)
    return { organization: { id: `id of ${key}`, key, name: key } }
  })
  services.answer(listGroups, () => ({ groups: groups.map(toGroup) }))
  services.answer(createGroup, makeGroup)
})
afterAll(() => services.stop())

function makeGroup(request: CreateGroupRequest) {
  groups.push(request)
  return { group: toGroup(request) }
}

const toGroup = ({ name, role, resource }: CreateGroupRequest) => ({ name, role, resource })
const run = (...args: string[]): Promise<Outcome> =>
  runRegistrar(['create-organization', ...args], services.env)
const groupNames = () => groups.map(({ name }) => name)
const reports = ['--group', 'organization_read_reports']
const metadata = ['--group', 'organization_read_metadata', 'Readers']

describe('an organization is made', () => {
  test('without groups', async () => {
    expect(await run('Some_Org-1')).toEqual({
      exitCode: 0,
      stdout: 'Organization Some_Org-1 was created.\n',
      stderr: '',
    })
    expect(services.calls.at(-1)?.request).toEqual({ key: 'Some_Org-1' })
  })

  test('with groups, named as told or after it', async () => {
    expect(await run(...reports, ...metadata, '--', 'Org')).toEqual({
      exitCode: 0,
      stdout: [
        'Organization Org was created.',
        'Group Org_organization_read_reports was created with organization_read_reports on it.',
        'Group Readers was created with organization_read_metadata on it.',
        '',
      ].join('\n'),
      stderr: '',
    })
    expect(groups).toMatchObject([
      {
        name: 'Org_organization_read_reports',
        role: 'organization_read_reports',
        resource: { target: { case: 'organizationId', value: 'id of Org' } },
      },
      {
        name: 'Readers',
        role: 'organization_read_metadata',
        resource: { target: { case: 'organizationId', value: 'id of Org' } },
      },
    ])
  })

  test('and told to programs', async () => {
    const { stdout } = await run('Org', ...reports, '--json')

    expect(JSON.parse(stdout)).toMatchObject({
      organization: { id: 'id of Org', key: 'Org', name: 'Org' },
      groups: [{ name: 'Org_organization_read_reports', role: 'organization_read_reports' }],
    })
  })
})

describe('bad usage asks nobody anything', () => {
  test.each([
    [
      ['no good'],
      'org_key can only contain alphanumeric characters, dashes, and underscores\nSee registrar create-organization --help\n',
    ],
    [['Örg'], /^org_key can only contain/],
    [['Org\n'], /^org_key can only contain/],
    [['Org', ...metadata, 'more'], /^--group only accepts one or two arguments\n/],
    [
      ['Org', '--group', 'owner'],
      /^first argument to --group must be one of \[organization_read_metadata, organization_read_enrollments, organization_read_write_enrollments, organization_read_reports\]\n/,
    ],
    [['Org', '--group', 'program_read_metadata'], /^first argument to --group must be one of/],
    [['Org', '--group', '[1'], /^first argument to --group must be one of/],
    [['Org', '--group=[1'], /^first argument to --group must be one of/],
    [['Org', '--group'], /argument missing/],
    [['x'.repeat(125), ...reports], /^The name of a group has 1 to 150 characters/],
    [['Org', '--group', 'organization_read_reports', ''], /^The name of a group has 1 to 150 characters/],
    [['Org', ...reports, ...reports], /^Two groups cannot both be named Org_organization_read_reports\.\n/],
    [[...reports, 'Org'], /^missing required argument 'org_key'/],
  ])('%j', async (args, message) => {
    const { exitCode, stdout, stderr } = await run(...args)

    expect({ exitCode, stdout }).toEqual({ exitCode: 2, stdout: '' })
    expect(stderr).toMatch(message)
    expect(services.calls).toEqual([])
  })
})

describe('nothing is made when', () => {
  test('the organization exists', async () => {
    organizations.set('Org', 'o1')

    expect(await run('Org')).toEqual({
      exitCode: 1,
      stdout: '',
      stderr: 'Unable to create Organization. cause: an organization with this key exists\n',
    })
    expect(services.calls.map(({ rpc }) => rpc)).toEqual(['GetOrganization'])
  })

  test('a group of that name exists', async () => {
    await run('Other', ...metadata)
    services.calls.length = 0

    expect(await run('Org', ...reports, ...metadata)).toEqual({
      exitCode: 1,
      stdout: '',
      stderr: 'Unable to create OrganizationGroup Readers. cause: a group with this name exists\n',
    })
    expect([...organizations.keys()]).toEqual(['Other'])
    expect(groupNames()).toEqual(['Readers'])
  })

  test('access-control is away', async () => {
    const env = { ...services.env, ACCESS_CONTROL_URL: 'http://127.0.0.1:9' }
    const { exitCode, stderr } = await runRegistrar(['create-organization', 'Org', ...reports], env)

    expect(exitCode).toBe(1)
    expect(stderr).toMatch(/^access-control at http:\/\/127\.0\.0\.1:9 cannot be reached: /)
    expect(organizations.size).toBe(0)
  })

  test('somebody else makes the organization meanwhile', async () => {
    services.answer(createOrganization, () => {
      throw new DomainError(Reason.ALREADY_EXISTS, 'the key is taken')
    })

    expect(await run('Org', ...reports)).toEqual({
      exitCode: 1,
      stdout: '',
      stderr: 'Unable to create Organization. cause: The key is taken.\n',
    })
    expect(groups).toEqual([])
  })
})

describe('an attempt that is cut short', () => {
  beforeEach(async () => {
    services.answer(createGroup, (request) => {
      if (request.name === 'Readers') throw new DomainError(Reason.UNAVAILABLE, 'the database is away')
      return makeGroup(request)
    })
    const { exitCode, stderr } = await run('Org', ...reports, ...metadata)
    expect(exitCode).toBe(1)
    expect(stderr).toMatch(
      /^Unable to create OrganizationGroup Readers\. cause: access-control at \S+ cannot do this now: the database is away\. Organization Org is there: run this again to finish\.\n$/,
    )
    services.answer(createGroup, makeGroup)
  })

  test('is finished by the same command', async () => {
    const { exitCode, stdout } = await run('Org', ...reports, ...metadata)

    expect(exitCode).toBe(0)
    expect(stdout).toContain('Organization Org was created.\n')
    expect(groupNames()).toEqual(['Org_organization_read_reports', 'Readers'])
  })

  test('is not finished twice', async () => {
    await run('Org', ...reports, ...metadata)

    expect(await run('Org', ...reports, ...metadata)).toMatchObject({
      exitCode: 1,
      stderr: 'Unable to create Organization. cause: an organization with this key exists\n',
    })
    expect(groupNames()).toEqual(['Org_organization_read_reports', 'Readers'])
  })

  test.each([
    ['no groups', []],
    ['other groups', metadata],
    [
      'a group of that name with another role',
      ['--group', 'organization_read_metadata', 'Org_organization_read_reports', ...metadata],
    ],
  ])('is not taken up by a command that wants %s', async (_, args) => {
    expect(await run('Org', ...args)).toMatchObject({
      exitCode: 1,
      stderr: 'Unable to create Organization. cause: an organization with this key exists\n',
    })
    expect(groupNames()).toEqual(['Org_organization_read_reports'])
  })
})

test.each([
  [
    ['create-organization', 'O', '--group', 'a'],
    ['create-organization', 'O', '--group', '["a"]'],
  ],
  [
    ['create-organization', '--group', 'a', 'b', '--group', 'c', '--json', 'O'],
    ['create-organization', '--group', '["a","b"]', '--group', '["c"]', '--json', 'O'],
  ],
  [
    ['create-organization', '--group=a', 'O', '--group'],
    ['create-organization', '--group', '["a"]', 'O', '--group'],
  ],
  [
    ['create-organization', '--group', 'a', '--', 'O', '--group'],
    ['create-organization', '--group', '["a"]', '--', 'O', '--group'],
  ],
  [
    ['grant', 'p', '--group', 'G'],
    ['grant', 'p', '--group', 'G'],
  ],
])('the values of each --group in %j become one', (args, folded) => {
  expect(foldGroupValues(args)).toEqual(folded)
})
