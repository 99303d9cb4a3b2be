import { afterAll, beforeAll, expect, test } from 'vitest'
import { Reason } from '#kit/errors.ts'
import { startTestCatalog, type TestCatalog } from '../testing/catalog.ts'
import { refusalOf } from '../testing/refusal.ts'

let catalog: TestCatalog

beforeAll(async () => {
  catalog = await startTestCatalog()
  await catalog.makeOrganization('stem')
  await catalog.makeProgram('typed-in', 'stem', { title: 'Typed in' })
})

afterAll(() => catalog.stop())

test('staff and the operator may, again and again, and what an operator typed in stays', async () => {
  for (const caller of [catalog.as('staff', { staff: true }), catalog.operator]) {
    await caller.flushProgramCache({})
    await caller.flushProgramCache({ programKey: 'typed-in' })
    await caller.flushProgramCache({ programKey: 'typed-in' })
  }
  expect((await catalog.operator.getProgram({ key: 'typed-in' })).program?.title).toBe('Typed in')
})

test('others may not, superusers among them, and are not told whether the program is there', async () => {
  for (const user of [{ superuser: true }, {}]) {
    for (const programKey of ['', 'typed-in', 'nothing-here']) {
      const call = catalog.as('somebody', user).flushProgramCache({ programKey })
      expect((await refusalOf(call)).reason).toBe(Reason.PERMISSION_DENIED)
    }
  }
})

test('an unknown program is said to be so', async () => {
  for (const caller of [catalog.as('staff', { staff: true }), catalog.operator]) {
    const call = caller.flushProgramCache({ programKey: 'nothing-here' })
    expect((await refusalOf(call)).reason).toBe(Reason.PROGRAM_NOT_FOUND)
  }
})
