import { afterAll, beforeAll, expect, test } from 'vitest'
import { Reason } from '#kit/errors.ts'
import { closeRpcConnections, createRpcClient } from '#kit/rpc-client.ts'
import { reasonOf } from '#kit/rpc-errors.ts'
import { AccessControlService } from '#proto/registrar/accesscontrol/v1/access_control_service_pb.ts'
import { Permission } from '#proto/registrar/accesscontrol/v1/permission_pb.ts'
import { CatalogService } from '#proto/registrar/catalog/v1/catalog_service_pb.ts'
import { runRegistrar } from './testing/run-registrar.ts'
import { startSystem, type TestSystem } from './testing/start-system.ts'

// The commands against the services themselves; each test stands on what those before it have made.
const { READ_METADATA, READ_ENROLLMENTS, READ_REPORTS } = Permission
let system: TestSystem
let partnerToken: string

beforeAll(async () => {
  system = await startSystem()
  partnerToken = await done('token', 'maria', '--email', 'maria@example.org')
})
afterAll(async () => {
  closeRpcConnections()
  await system.stop()
})

/** What a command prints that does what it is told. */
async function done(...args: string[]): Promise<string> {
  const { exitCode, stdout, stderr } = await runRegistrar(args, system.env)
  expect({ exitCode, stderr }, args.join(' ')).toEqual({ exitCode: 0, stderr: '' })
  return stdout.trim()
}

/** What a command says that refuses. */
async function refused(...args: string[]): Promise<string> {
  const { exitCode, stdout, stderr } = await runRegistrar(args, system.env)
  expect({ exitCode, stdout }, args.join(' ')).toEqual({ exitCode: 1, stdout: '' })
  return stderr.trim()
}

const asPartner = { token: async () => partnerToken }

/** What the partner's own calls show: the permissions on each program. */
async function seenByPartner(permission: Permission = READ_METADATA): Promise<Record<string, Permission[]>> {
  const catalog = createRpcClient(CatalogService, `http://127.0.0.1:${system.env.CATALOG_PORT}`, asPartner)
  const { programs } = await catalog.listPrograms({ permission })
  return Object.fromEntries(programs.map((program) => [program.key, program.permissions]))
}

async function partner() {
  const url = `http://127.0.0.1:${system.env.ACCESS_CONTROL_PORT}`
  return (await createRpcClient(AccessControlService, url, asPartner).getCaller({})).caller
}

test('a school is set up', async () => {
  await done('create-organization', 'School', '--group', 'organization_read_metadata', 'Readers')
  await done(
    'create-program',
    'masters',
    '--organization',
    'School',
    '--type',
    'Masters',
    '--title',
    'Some Masters',
  )
  await done('create-program', 'other', '--organization', 'School')
  await done('add-course-run', 'masters', 'course-v1:School+CS1+2026', '--external-key', 'CS-1')
  await done('create-user', 'maria', '--email', 'maria@example.org', '--groups', 'Readers')

  expect(await seenByPartner()).toEqual({ masters: [READ_METADATA], other: [READ_METADATA] })
})

test('what exists is not made again', async () => {
  expect(await refused('create-organization', 'School')).toBe(
    'Unable to create Organization. cause: an organization with this key exists',
  )
  expect(
    await refused('create-organization', 'New', '--group', 'organization_read_metadata', 'Readers'),
  ).toBe('Unable to create OrganizationGroup Readers. cause: a group with this name exists')
  expect(await refused('create-program', 'masters', '--organization', 'School')).toBe(
    'There is already a program with the key masters.',
  )
  expect(await refused('create-user', 'maria')).toBe('User maria already exists')
  expect(await refused('create-user', 'other', '--groups', 'Nobody')).toBe('Group Nobody does not exist')
  expect(await refused('show-user', 'other')).toBe('User other does not exist')
  await refused('add-course-run', 'masters', 'course-v1:School+CS1+2026')
  await done('create-organization', 'New')
})

test('a role changes what its members may do, at once', async () => {
  await done('update-group', 'Readers', '--role', 'organization_read_enrollments')

  expect(await seenByPartner()).toEqual({
    masters: [READ_METADATA, READ_ENROLLMENTS],
    other: [READ_METADATA],
  })
  expect(JSON.parse(await done('list-groups', '--json'))).toMatchObject([
    { name: 'Readers', role: 'organization_read_enrollments', member_count: 1 },
  ])
})

test('a grant on a program is given and taken back', async () => {
  await done('grant', 'core.program_read_reports', '--user', 'maria', '--program', 'other')
  expect(await seenByPartner(READ_REPORTS)).toEqual({ other: [READ_METADATA, READ_REPORTS] })

  await done('revoke', 'read_reports', '--user', 'maria', '--program', 'other')
  expect(await seenByPartner(READ_REPORTS)).toEqual({})
  expect(await refused('revoke', 'read_reports', '--user', 'maria', '--program', 'other')).toBe(
    'There is no such grant',
  )
})

test('a grant on everything, and a flag, reach the members of a plain group', async () => {
  await done('create-group', 'Support', '--plain')
  await done('add-member', 'maria', '--group', 'Support')
  await done('grant', 'job_global_read', '--group', 'Support')
  await done('flag', 'enable_course_role_management', '--group', 'Support')

  expect(await partner()).toMatchObject({
    globalPermissions: [Permission.JOB_GLOBAL_READ],
    flags: ['enable_course_role_management'],
  })

  await done('flag', 'enable_course_role_management', '--group', 'Support', '--off')
  expect(await partner()).toMatchObject({ flags: [] })
})

test('an invitation is taken up by who is there', async () => {
  await done('create-group', 'Reporters', '--program', 'masters', '--role', 'program_read_reports')

  expect(await done('invite', 'maria@example.org', '--group', 'Reporters')).toBe(
    'maria@example.org is a member of group Reporters.',
  )
  expect(await done('invite', 'nobody@example.org', '--group', 'Reporters')).toContain('on the first call')
  expect(await seenByPartner(READ_REPORTS)).toEqual({
    masters: [READ_METADATA, READ_ENROLLMENTS, READ_REPORTS],
  })
})

test('who leaves the groups sees nothing', async () => {
  for (const group of ['Readers', 'Support', 'Reporters'])
    await done('remove-member', 'maria', '--group', group)

  expect(await seenByPartner()).toEqual({})
  expect(await refused('remove-member', 'maria', '--group', 'Readers')).toBe(
    'User maria is not in group Readers',
  )
})

test('jobs are looked for, and old ones removed', async () => {
  const nobodys = '00000000-0000-4000-8000-000000000000'

  expect(JSON.parse(await done('jobs', 'list', '--json'))).toEqual([])
  expect(await refused('jobs', 'show', nobodys)).not.toMatch(/failed|reached/)
  expect(await refused('jobs', 'cancel', nobodys)).not.toMatch(/failed|reached/)
  expect(await done('jobs', 'purge', '--older-than', '30d')).toBe('0 jobs were removed.')
})

test('who is locked out is told so, until let in again', async () => {
  await done('update-user', 'maria', '--inactive', '--superuser')
  const refusal = await seenByPartner().catch((error: unknown) => error)
  expect(reasonOf(refusal)).toBe(Reason.USER_INACTIVE)

  await done('update-user', 'maria', '--active')
  expect(Object.keys(await seenByPartner())).toEqual(['masters', 'other'])
  expect(await done('show-user', 'maria')).toMatch(/^superuser +yes$/m)
})
