import { randomUUID } from 'node:crypto'
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from 'vitest'
import { Reason } from '#kit/errors.ts'
import { startTestCatalog, type TestCatalog } from '../testing/catalog.ts'
import { startTestDiscovery, type TestDiscovery } from '../testing/discovery.ts'
import { refusalOf } from '../testing/refusal.ts'

let discovery: TestDiscovery
let catalog: TestCatalog

beforeAll(async () => {
  discovery = await startTestDiscovery()
  catalog = await startTestCatalog(discovery.settings)
})
beforeEach(() => discovery.reset())
afterEach(() => catalog.sql('delete from organizations'))
afterAll(async () => {
  await catalog.stop()
  await discovery.stop()
})

const sync = () => catalog.operator.syncWithDiscovery({})
const counts = (created: number, updated: number, unchanged: number, skipped = 0) => ({
  ...{ created, updated, unchanged, skipped },
})

function addOrganization(key: string, name = `Name of ${key}`): { uuid: string; key: string; name: string } {
  const organization = { uuid: randomUUID(), key, name }
  discovery.organizations.push(organization)
  return organization
}

const addProgram = (slug: string | null, ...authors: { uuid: string; key: string }[]) =>
  discovery.add({ marketing_slug: slug, authoring_organizations: authors })

async function keysIn(table: 'organizations' | 'programs'): Promise<string[]> {
  const rows = await catalog.sql<{ key: string }>(`select key from ${table} order by key`)
  return rows.map(({ key }) => key)
}

test('what is missing is made, by what Discovery has on all its pages', async () => {
  discovery.pageSize = 2
  const [stem, ...others] = ['stem', 'arts', 'law.school'].map((key) => addOrganization(key))
  for (const slug of ['masters/cs', 'ai', 'x/y/Data Science']) addProgram(slug, stem as typeof stem & object)
  expect(others).toHaveLength(2)
  expect(await sync()).toMatchObject({
    organizations: counts(3, 0, 0),
    programs: counts(3, 0, 0),
    problems: [],
  })
  expect(await keysIn('organizations')).toEqual(['arts', 'law.school', 'stem'])
  expect(await keysIn('programs')).toEqual(['ai', 'cs', 'data-science'])
  const { organization } = await catalog.operator.getOrganization({ key: 'law.school' })
  expect(organization).toMatchObject({ name: 'Name of law.school', discoveryUuid: others[1]?.uuid })
  expect(discovery.requests[0]).toBe('/api/v1/organizations/')
  const [path, query] =
    discovery.requests.find((each) => each.startsWith('/api/v1/programs/'))?.split('?') ?? []
  expect(path).toBe('/api/v1/programs/')
  expect(Object.fromEntries(new URLSearchParams(query))).toEqual({
    types: 'micromasters,masters,professional-certificate,microbachelors,xseries',
    status: 'active',
  })
})

test('a second time changes nothing', async () => {
  addProgram('cs', addOrganization('stem'))
  await sync()
  const before = await catalog.sql('select * from organizations, programs')
  expect(await sync()).toMatchObject({ organizations: counts(0, 0, 1), programs: counts(0, 0, 1) })
  expect(await catalog.sql('select * from organizations, programs')).toEqual(before)
})

test('organizations follow Discovery, also when they change keys with each other, and programs do not', async () => {
  const [a, b] = [addOrganization('aaa'), addOrganization('bbb')]
  const program = addProgram('cs', a)
  await sync()
  Object.assign(a, { key: 'bbb', name: 'New' })
  Object.assign(b, { key: 'aaa' })
  discovery.add({ ...program, marketing_slug: 'renamed', authoring_organizations: [b] })
  expect(await sync()).toMatchObject({ organizations: counts(0, 2, 0), programs: counts(0, 0, 1) })
  const { program: kept } = await catalog.operator.getProgram({ key: 'cs' })
  expect(kept).toMatchObject({ organizationKey: 'bbb', discoveryUuid: program.uuid })
  const { organization } = await catalog.operator.getOrganization({ key: 'bbb' })
  expect(organization).toMatchObject({ name: 'New', discoveryUuid: a.uuid })
})

test('a key that is taken leaves its organization or program out, and the rest goes on', async () => {
  await catalog.makeOrganization('stem')
  await catalog.makeProgram('cs', 'stem')
  const clash = addOrganization('stem')
  const arts = addOrganization('arts')
  const program = addProgram('cs', arts)
  addProgram('law', arts)
  addProgram('orphan', clash)
  const answer = await sync()
  expect(answer).toMatchObject({ organizations: counts(1, 0, 0, 1), programs: counts(1, 0, 0, 2) })
  expect(answer.problems).toEqual([
    `Organization ${clash.uuid} cannot have the key stem, which is another organization's: it was not made.`,
    `Program ${program.uuid} cannot have the key cs, which is another program's: it was not made.`,
  ])
  expect(await keysIn('programs')).toEqual(['cs', 'law'])
})

test('programs of several organizations, of unknown ones or of none are left out, and those that are not active', async () => {
  const [a, b] = [addOrganization('aaa'), addOrganization('bbb')]
  addProgram('two', a, b)
  addProgram('none')
  addProgram('unknown', { uuid: randomUUID(), key: 'aaa' })
  discovery.add({ status: 'retired', marketing_slug: 'old', authoring_organizations: [a] })
  expect(await sync()).toMatchObject({ programs: counts(0, 0, 0, 3), problems: [] })
})

test('the program goes on being read from Discovery', async () => {
  const json = addProgram('cs', addOrganization('stem'))
  await sync()
  const { program } = await catalog.operator.getProgram({ key: 'cs' })
  expect(program).toMatchObject({ title: json.title, type: 'Masters' })
})

test('two at once do what one does', async () => {
  for (let number = 0; number < 20; number++) addProgram(`p${number}`, addOrganization(`o${number}`))
  const twin = await catalog.startTwin()
  const answers = await Promise.all([sync(), twin.operator.syncWithDiscovery({})])
  expect(answers.map(({ programs }) => programs?.created).toSorted()).toEqual([0, 20])
})

test('nothing is changed when Discovery breaks off in the middle', async () => {
  addProgram('cs', addOrganization('stem'))
  discovery.misbehave = (path) => (path.includes('programs') ? { status: 403, body: '' } : undefined)
  expect((await refusalOf(sync())).reason).toBe(Reason.UPSTREAM_FAILED)
  expect(await keysIn('organizations')).toEqual([])
  discovery.misbehave = () => ({ status: 200, body: '{"results": {}}' })
  expect((await refusalOf(sync())).reason).toBe(Reason.UPSTREAM_FAILED)
})

test('superusers and the operator may, others may not, the worker under its own name among them', async () => {
  await expect(catalog.operator.syncWithDiscovery({})).resolves.toBeDefined()
  expect((await refusalOf(catalog.worker.syncWithDiscovery({}))).reason).toBe(Reason.PERMISSION_DENIED)
  await expect(catalog.as('root', { superuser: true }).syncWithDiscovery({})).resolves.toBeDefined()
  const call = catalog.as('staff', { staff: true }).syncWithDiscovery({})
  expect((await refusalOf(call)).reason).toBe(Reason.PERMISSION_DENIED)
})

test('without a Discovery it is said what is missing', async () => {
  const alone = await startTestCatalog()
  try {
    const uuid = randomUUID()
    const calls = [
      alone.operator.syncWithDiscovery({}),
      alone.operator.importPrograms({ programs: [{ discoveryUuid: uuid }] }),
    ]
    for (const refusal of await Promise.all(calls.map(refusalOf))) {
      expect(refusal.reason).toBe(Reason.WRONG_BACKEND)
      expect(refusal.message).toContain('DISCOVERY_BASE_URL')
    }
  } finally {
    await alone.stop()
  }
})
