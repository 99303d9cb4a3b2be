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

type Author = { uuid: string; key: string | null }

const author = (key: string | null): Author => ({ uuid: randomUUID(), key })
const add = (slug: string | null, ...authors: Author[]) =>
  discovery.add({ marketing_slug: slug, authoring_organizations: authors })

async function importPrograms(...asked: [{ uuid: string }, string?][]) {
  const programs = asked.map(([{ uuid }, key]) => ({ discoveryUuid: uuid, key }))
  return (await catalog.operator.importPrograms({ programs })).programs
}

test('a program is made under the key that is given or its slug, of the last author that has a key', async () => {
  const [first, last] = [author('first'), author('last')]
  const [a, b] = [add('masters/Física', first, last, author(null)), add(null, first)]
  expect(await importPrograms([a], [b, 'my-key'])).toMatchObject([
    { discoveryUuid: a.uuid, key: 'mastersfisica', previousKey: '', organizationKey: 'last' },
    { discoveryUuid: b.uuid, key: 'my-key', previousKey: '', organizationKey: 'first' },
  ])
  const { organization } = await catalog.operator.getOrganization({ key: 'last' })
  expect(organization).toMatchObject({ name: '', discoveryUuid: last.uuid })
  expect((await catalog.operator.getProgram({ key: 'my-key' })).program?.title).toBe(b.title)
})

test('an organization that is there is taken, by its id in Discovery or by its key', async () => {
  await catalog.makeOrganization('stem')
  const { organization } = await catalog.operator.createOrganization({
    key: 'arts',
    discoveryUuid: randomUUID(),
  })
  const renamed = { uuid: organization?.discoveryUuid as string, key: 'renamed' }
  const imported = await importPrograms([add('a', author('stem'))], [add('b', renamed)])
  expect(imported.map(({ organizationKey }) => organizationKey)).toEqual(['stem', 'arts'])
  expect(await catalog.sql('select 1 from organizations')).toHaveLength(2)
})

test('a program that is there is renamed and stays with its organization', async () => {
  const json = add('slug', author('stem'))
  await importPrograms([json, 'old'])
  discovery.add({ ...json, authoring_organizations: [author('other')] })
  expect(await importPrograms([json, 'new'])).toMatchObject([
    { key: 'new', previousKey: 'old', organizationKey: 'stem' },
  ])
  expect(await importPrograms([json])).toMatchObject([{ key: 'slug', previousKey: 'new' }])
  expect(await importPrograms([json])).toMatchObject([{ key: 'slug', previousKey: 'slug' }])
  expect(await catalog.sql('select key from programs')).toEqual([{ key: 'slug' }])
})

test('programs may change keys with each other', async () => {
  const [a, b] = [add('a', author('stem')), add('b', author('stem'))]
  await importPrograms([a], [b])
  await importPrograms([a, 'b'], [b, 'a'])
  expect((await catalog.operator.getProgram({ key: 'b' })).program?.discoveryUuid).toBe(a.uuid)
})

test('all or none: when one cannot be imported nothing changes', async () => {
  const good = add('good', author('stem'))
  const unknown = { uuid: randomUUID() }
  const nobodys = add('nobodys', author(null))
  const slugless = add(null, author('stem'))
  await catalog.makeOrganization('here')
  await catalog.makeProgram('taken', 'here')
  const cases: [[{ uuid: string }, string?], Reason][] = [
    [[unknown], Reason.PROGRAM_NOT_FOUND],
    [[nobodys], Reason.ORGANIZATION_NOT_FOUND],
    [[slugless], Reason.INVALID_ARGUMENT],
    [[slugless, 'taken'], Reason.ALREADY_EXISTS],
    [[slugless, 'good'], Reason.ALREADY_EXISTS],
  ]
  for (const [bad, reason] of cases) {
    const refusal = await refusalOf(importPrograms([good], bad))
    expect(refusal.reason).toBe(reason)
    if (reason === Reason.PROGRAM_NOT_FOUND || reason === Reason.ORGANIZATION_NOT_FOUND) {
      expect(refusal.metadata).toEqual({ discovery_uuid: bad[0].uuid })
    }
  }
  expect(await catalog.sql('select key from programs')).toEqual([{ key: 'taken' }])
  expect(await catalog.sql('select key from organizations')).toEqual([{ key: 'here' }])
})

test('an existing program without a slug needs a key too', async () => {
  const json = add(null, author('stem'))
  await importPrograms([json, 'key'])
  expect((await refusalOf(importPrograms([json]))).reason).toBe(Reason.INVALID_ARGUMENT)
})

test('while Discovery does not answer it is said so', async () => {
  discovery.misbehave = () => ({ status: 403, body: '' })
  const call = importPrograms([add('a', author('stem'))])
  expect((await refusalOf(call)).reason).toBe(Reason.UPSTREAM_FAILED)
})

test.each([
  [[], ['programs']],
  [Array.from({ length: 101 }, () => ({ discoveryUuid: randomUUID() })), ['programs']],
  [
    [{ discoveryUuid: 'x' }, { discoveryUuid: randomUUID(), key: 'a b' }],
    ['programs[0].discovery_uuid', 'programs[1].key'],
  ],
])('case %#: a wrong request is refused before Discovery is asked', async (programs, fields) => {
  const refusal = await refusalOf(catalog.operator.importPrograms({ programs }))
  expect(refusal).toMatchObject({ reason: Reason.INVALID_ARGUMENT, fields })
  expect(discovery.requests).toEqual([])
})

test('a program cannot be named twice', async () => {
  const { uuid } = add('a', author('stem'))
  const call = importPrograms([{ uuid }], [{ uuid: uuid.toUpperCase() }, 'b'])
  expect((await refusalOf(call)).reason).toBe(Reason.INVALID_ARGUMENT)
})

test('only superusers and the operator may', async () => {
  const programs = [{ discoveryUuid: add('a', author('stem')).uuid }]
  for (const client of [catalog.as('staff', { staff: true }), catalog.worker]) {
    expect((await refusalOf(client.importPrograms({ programs }))).reason).toBe(Reason.PERMISSION_DENIED)
  }
  await catalog.as('root', { superuser: true }).importPrograms({ programs })
})
