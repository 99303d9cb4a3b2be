import { afterAll, afterEach, beforeAll, expect, test } from 'vitest'
import { Reason } from '#kit/errors.ts'
import { startTestCatalog, type TestCatalog } from '../testing/catalog.ts'
import { refusalOf } from '../testing/refusal.ts'

let catalog: TestCatalog

beforeAll(async () => {
  catalog = await startTestCatalog()
})
afterEach(async () => {
  await catalog.sql('delete from organizations')
  catalog.accessControl.groups.length = 0
})
afterAll(() => catalog.stop())

const ensure = () => catalog.operator.ensureReportGroups({})
const on = (kind: 'organizationId' | 'programId', value: string) =>
  ({ target: { case: kind, value } }) as const

test('every organization and every program gets its group, once', async () => {
  const stem = await catalog.makeOrganization('stem')
  const arts = await catalog.makeOrganization('arts')
  const cs = await catalog.makeProgram('cs', 'stem')
  expect(await ensure()).toMatchObject({ groups: { created: 3, unchanged: 0, skipped: 0 }, problems: [] })
  const groups = [
    {
      name: 'arts_ReadOrganizationReports',
      role: 'organization_read_reports',
      resource: on('organizationId', arts),
    },
    {
      name: 'stem_ReadOrganizationReports',
      role: 'organization_read_reports',
      resource: on('organizationId', stem),
    },
    { name: 'stem_cs_ReadProgramReports', role: 'program_read_reports', resource: on('programId', cs) },
  ]
  expect(catalog.accessControl.groups).toMatchObject(groups)
  expect(await ensure()).toMatchObject({ groups: { created: 0, unchanged: 3 } })
  expect(catalog.accessControl.groups).toHaveLength(3)
})

test('a group that has the role there gets the name, one with another role is left alone', async () => {
  const stem = await catalog.makeOrganization('stem')
  const resource = on('organizationId', stem)
  catalog.accessControl.groups.push(
    { name: 'Plain', role: '' },
    { name: 'Writers', role: 'organization_read_write_enrollments', resource },
  )
  expect(await ensure()).toMatchObject({ groups: { created: 1 } })
  catalog.accessControl.groups.pop()
  catalog.accessControl.groups.push({ name: 'Readers', role: 'organization_read_reports', resource })
  catalog.accessControl.groups.splice(1, 1)
  expect(await ensure()).toMatchObject({ groups: { created: 0, updated: 1 }, problems: [] })
  expect(catalog.accessControl.groups.map(({ name }) => name)).toEqual([
    'Plain',
    'stem_ReadOrganizationReports',
  ])
  expect(await ensure()).toMatchObject({ groups: { updated: 0, unchanged: 1 }, problems: [] })
})

test('of two groups with the role one has the name: both stay', async () => {
  const resource = on('organizationId', await catalog.makeOrganization('stem'))
  for (const name of ['Readers', 'stem_ReadOrganizationReports']) {
    catalog.accessControl.groups.push({ name, role: 'organization_read_reports', resource })
  }
  expect(await ensure()).toMatchObject({ groups: { updated: 0, unchanged: 1 }, problems: [] })
})

test('a name that is taken or too long leaves its group out, and the rest goes on', async () => {
  await catalog.makeOrganization('stem')
  await catalog.makeOrganization('x'.repeat(140))
  await catalog.makeOrganization('arts')
  catalog.accessControl.groups.push({ name: 'stem_ReadOrganizationReports', role: '' })
  const { groups, problems } = await ensure()
  expect(groups).toMatchObject({ created: 1, unchanged: 0, skipped: 2 })
  expect(problems).toEqual([
    'No group of the organization could be called stem_ReadOrganizationReports: another group has the name.',
    expect.stringMatching(
      /^No group of the organization could be called x{140}_ReadOrganizationReports: .* longer than 150 characters\.$/,
    ),
  ])
})

test('two at once do it together', async () => {
  for (const key of ['arts', 'stem', 'law']) {
    const resource = on('organizationId', await catalog.makeOrganization(key))
    catalog.accessControl.groups.push({
      name: `Readers of ${key}`,
      role: 'organization_read_reports',
      resource,
    })
  }
  for (const { problems } of await Promise.all([ensure(), ensure()])) expect(problems).toEqual([])
  expect(catalog.accessControl.groups.map(({ name }) => name)).toEqual(
    ['arts', 'stem', 'law'].map((key) => `${key}_ReadOrganizationReports`),
  )
})

test('superusers and the operator may, others may not', async () => {
  await expect(catalog.as('root', { superuser: true }).ensureReportGroups({})).resolves.toBeDefined()
  const call = catalog.as('staff', { staff: true }).ensureReportGroups({})
  expect((await refusalOf(call)).reason).toBe(Reason.PERMISSION_DENIED)
})
