import { afterAll, beforeAll, expect, test } from 'vitest'
import { Reason } from '#kit/errors.ts'
import { startTestCatalog, type TestCatalog } from '../testing/catalog.ts'
import { refusalOf } from '../testing/refusal.ts'

let catalog: TestCatalog

beforeAll(async () => {
  catalog = await startTestCatalog()
  await catalog.makeOrganization('stem')
})

afterAll(() => catalog.stop())

test.each(['STEM', 'nowhere', 'st em', ''])(
  'an organization is found by its exact key: not by %j',
  async (key) => {
    for (const caller of [catalog.as('anybody'), catalog.operator]) {
      expect((await refusalOf(caller.getOrganization({ key }))).reason).toBe(Reason.ORGANIZATION_NOT_FOUND)
    }
    expect((await catalog.as('anybody').getOrganization({ key: 'stem' })).organization?.key).toBe('stem')
  },
)

test('an inactive user is refused first', async () => {
  const call = catalog.as('former', { inactive: true }).getOrganization({ key: 'nowhere' })
  expect((await refusalOf(call)).reason).toBe(Reason.USER_INACTIVE)
})
