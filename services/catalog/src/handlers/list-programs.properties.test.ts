import fc from 'fast-check'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { Permission } from '#proto/registrar/accesscontrol/v1/permission_pb.ts'
import { everyPermission, type TestUser } from '../testing/access-control.ts'
import { startTestCatalog, type TestCatalog } from '../testing/catalog.ts'

let catalog: TestCatalog
beforeAll(async () => {
  catalog = await startTestCatalog()
})
afterAll(() => catalog.stop())

type School = { organization: number; type: string | null; title: string | null }
const onPrograms = everyPermission.filter((permission) => permission !== Permission.JOB_GLOBAL_READ)
const onEnrollments: Permission[] = [Permission.READ_ENROLLMENTS, Permission.WRITE_ENROLLMENTS]

const organizationCount = 3
const id = (kind: string, index: number) => `${kind}0000000-0000-4000-8000-${String(index).padStart(12, '0')}`
const organizationId = (index: number) => id('a', index)
const programId = (index: number) => id('b', index)
const organizationKey = (index: number) => `org-${index}`
const programKey = (index: number) => `Program_${index}`

const title = fc.string({
  unit: fc.constantFrom('a', 'B', 'É', 'é', '%', '_', '\\', ' '),
  minLength: 1,
  maxLength: 5,
})
const school: fc.Arbitrary<School> = fc.record({
  organization: fc.nat(organizationCount - 1),
  type: fc.constantFrom('Masters', 'Masters', 'masters', 'MicroMasters', null),
  title: fc.option(title),
})
const permissions = fc.subarray(onPrograms)
const grants = (resource: (index: number) => string, count: number) =>
  fc
    .dictionary(fc.nat(count - 1).map(String), permissions)
    .map((byIndex) =>
      Object.fromEntries(Object.entries(byIndex).map(([index, held]) => [resource(Number(index)), held])),
    )
const user: fc.Arbitrary<TestUser> = fc.record({
  superuser: fc.constantFrom(false, false, false, true),
  global: fc.oneof({ weight: 3, arbitrary: fc.constant<Permission[]>([]) }, fc.subarray(everyPermission)),
  organizations: grants(organizationId, organizationCount),
  programs: grants(programId, 8),
})
const filters = fc.record({
  organization: fc.option(fc.nat(organizationCount - 1)),
  permission: fc.constantFrom(Permission.UNSPECIFIED, ...onPrograms),
  titleContains: fc.oneof(fc.constant(''), title, fc.constantFrom('program_', 'GRAM_1', 'é')),
})

/** Contract §1.3.1 and §2.3, in their words. */
function expected(
  schools: School[],
  user: TestUser,
  asked: { organization: number | null; permission: Permission; titleContains: string },
) {
  const wanted = asked.permission === Permission.UNSPECIFIED ? Permission.READ_METADATA : asked.permission
  const global = user.superuser ? everyPermission : (user.global ?? [])
  const onOrganization = (index: number, permission: Permission) =>
    global.includes(permission) || user.organizations?.[organizationId(index)]?.includes(permission) === true
  const onProgram = (index: number, permission: Permission) =>
    user.programs?.[programId(index)]?.includes(permission) === true
  const all = schools.map((each, index) => ({ ...each, index }))
  const managed = all.filter(({ organization }) => organization === asked.organization)
  const granted =
    asked.organization === null
      ? all.filter(
          ({ index, organization }) => onProgram(index, wanted) || onOrganization(organization, wanted),
        )
      : onOrganization(asked.organization, wanted)
        ? managed
        : managed.filter(({ index }) => onProgram(index, wanted))
  return granted
    .filter(({ type }) => type === 'Masters' || !onEnrollments.includes(wanted))
    .filter(({ title, index }) =>
      (title ?? programKey(index)).toLowerCase().includes(asked.titleContains.toLowerCase()),
    )
    .map(({ index, organization, title, type }) => ({
      key: programKey(index),
      title: title ?? programKey(index),
      permissions: onPrograms.filter(
        (permission) =>
          (onProgram(index, permission) || onOrganization(organization, permission)) &&
          (type === 'Masters' || !onEnrollments.includes(permission)),
      ),
    }))
}

/** Makes these the only programs, in this order. */
async function fill(schools: School[]): Promise<void> {
  await catalog.sql('delete from organizations')
  const organizations = Array.from({ length: organizationCount }, (_, index) => index)
  await catalog.sql(
    `insert into organizations select id, key, '', id, now(), now() from unnest($1::uuid[], $2::text[]) as t (id, key)`,
    [organizations.map(organizationId), organizations.map(organizationKey)],
  )
  const indexes = schools.map((_, index) => index)
  await catalog.sql(
    `insert into programs (id, key, discovery_uuid, organization_id, created, updated)
     select id, key, id, organization, now(), now()
     from unnest($1::uuid[], $2::text[], $3::uuid[]) with ordinality as t (id, key, organization, n) order by n`,
    [
      indexes.map(programId),
      indexes.map(programKey),
      schools.map((each) => organizationId(each.organization)),
    ],
  )
  await catalog.sql(
    `insert into program_details (program_id, title, folded_title, type)
     select * from unnest($1::uuid[], $2::text[], $3::text[], $4::text[])`,
    [
      indexes.map(programId),
      schools.map((each) => each.title),
      schools.map((each) => each.title?.toLowerCase()),
      schools.map((each) => each.type),
    ],
  )
}

test('a list is what grants and filters make of the programs, however it is paged', async () => {
  const bounds = fc.record({ pageSize: fc.integer({ min: 1, max: 9 }), skip: fc.nat(9) })
  const one = fc.tuple(fc.array(school, { maxLength: 8 }), user, filters, bounds)
  await fc.assert(
    fc.asyncProperty(one, async ([schools, who, asked, { pageSize, skip }]) => {
      await fill(schools)
      const caller = catalog.as('somebody', who)
      const want = expected(schools, who, asked)
      const request = {
        organizationKey: asked.organization === null ? '' : organizationKey(asked.organization),
        permission: asked.permission,
        titleContains: asked.titleContains,
      }
      const seen: unknown[] = []
      for (let pageToken: string | undefined = ''; pageToken !== undefined; ) {
        const page: Awaited<ReturnType<typeof caller.listPrograms>> = await caller.listPrograms({
          ...request,
          pageSize,
          pageToken,
        })
        expect(page.totalSize).toBe(want.length)
        seen.push(...page.programs.map(({ key, title, permissions }) => ({ key, title, permissions })))
        pageToken = page.nextPageToken || undefined
      }
      expect(seen).toEqual(want)

      const skipped = await caller.listPrograms({ ...request, skip, pageSize })
      expect(skipped.programs.map(({ key }) => key)).toEqual(
        want.slice(skip, skip + pageSize).map(({ key }) => key),
      )
      expect(skipped.totalSize).toBe(want.length)
    }),
    { numRuns: 300 },
  )
})

test('a list and a single look agree on what is held on a program', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(school, { minLength: 1, maxLength: 4 }), user, async (schools, who) => {
      await fill(schools)
      const caller = catalog.as('somebody', who)
      const { programs } = await caller.listPrograms({})
      for (const { key, permissions } of programs) {
        expect((await caller.getProgram({ key })).program?.permissions).toEqual(permissions)
      }
    }),
    { numRuns: 50 },
  )
})
