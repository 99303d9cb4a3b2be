import { afterAll, beforeAll, expect, test } from 'vitest'
import { Reason } from '#kit/errors.ts'
import { startTestCatalog, type TestCatalog } from '../testing/catalog.ts'
import { refusalOf } from '../testing/refusal.ts'

const discoveryUuid = '5f2a6e0c-6a1b-4a49-9a0e-0d1b6a1e7c11'

let catalog: TestCatalog

beforeAll(async () => {
  catalog = await startTestCatalog()
})

afterAll(() => catalog.stop())

test('the operator and superusers make organizations, which are then found by key', async () => {
  const { organization } = await catalog.operator.createOrganization({
    key: 'Stem_U-1',
    name: 'Stem University',
    discoveryUuid: discoveryUuid.toUpperCase(),
  })
  expect(organization).toMatchObject({ key: 'Stem_U-1', name: 'Stem University', discoveryUuid })
  const found = await catalog.as('anybody').getOrganization({ key: 'Stem_U-1' })
  expect(found.organization).toEqual(organization)

  const made = await catalog.as('root', { superuser: true }).createOrganization({ key: 'arts' })
  expect(made.organization).toMatchObject({ key: 'arts', name: 'arts' })
  expect(made.organization?.discoveryUuid).toMatch(/^[0-9a-f-]{36}$/)
  expect(made.organization?.createTime).toEqual(made.organization?.updateTime)
})

test('staff and everybody else make none', async () => {
  for (const user of [{ staff: true }, {}]) {
    const call = catalog.as('somebody', user).createOrganization({ key: 'mine' })
    expect((await refusalOf(call)).reason).toBe(Reason.PERMISSION_DENIED)
  }
  const inactive = catalog
    .as('former', { superuser: true, inactive: true })
    .createOrganization({ key: 'mine' })
  expect((await refusalOf(inactive)).reason).toBe(Reason.USER_INACTIVE)
  const worker = catalog.worker.createOrganization({ key: 'mine' })
  expect((await refusalOf(worker)).reason).toBe(Reason.PERMISSION_DENIED)
  const search = catalog.operator.getOrganization({ key: 'mine' })
  expect((await refusalOf(search)).reason).toBe(Reason.ORGANIZATION_NOT_FOUND)
})

test('a key is given once, also to callers who come at once', async () => {
  const calls = Array.from({ length: 5 }, () => catalog.operator.createOrganization({ key: 'contested' }))
  const results = await Promise.allSettled(calls)
  const refused = results.filter((result) => result.status === 'rejected')
  expect(refused).toHaveLength(4)
  for (const { reason } of refused) {
    expect((await refusalOf(Promise.reject(reason))).reason).toBe(Reason.ALREADY_EXISTS)
  }
})

test('a key with other characters is refused in the words that operators know', async () => {
  for (const key of ['a.b', 'a b', 'é', '']) {
    expect(await refusalOf(catalog.operator.createOrganization({ key }))).toMatchObject({
      reason: Reason.INVALID_ARGUMENT,
      fields: ['key'],
      message: 'org_key can only contain alphanumeric characters, dashes, and underscores',
    })
  }
})

test('every field that is wrong is named', async () => {
  const call = catalog.operator.createOrganization({
    key: 'k'.repeat(256),
    name: 'n'.repeat(256),
    discoveryUuid: 'x',
  })
  expect((await refusalOf(call)).fields).toEqual(['key', 'name', 'discovery_uuid'])
})
