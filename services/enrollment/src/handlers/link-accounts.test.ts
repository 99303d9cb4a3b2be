import { afterAll, beforeAll, expect, test } from 'vitest'
import { Reason } from '#kit/errors.ts'
import { WriteMode } from '#proto/registrar/enrollment/v1/enrollment_write_pb.ts'
import { collect, refusalOf } from '../testing/calls.ts'
import { startTestEnrollment, type TestEnrollment } from '../testing/enrollment.ts'

let enrollment: TestEnrollment

beforeAll(async () => {
  enrollment = await startTestEnrollment()
})

afterAll(() => enrollment.stop())

async function makeProgram() {
  const programKey = enrollment.makeProgram()
  const enrollments = ['ann', 'bob', 'cyd'].map((studentKey) => ({ studentKey, status: 'enrolled' }))
  await enrollment.operator.writeProgramEnrollments({ programKey, mode: WriteMode.CREATE, enrollments })
  return programKey
}

async function accountsOf(programKey: string) {
  const messages = await collect(
    enrollment.worker.streamProgramEnrollments({ programKey, includeAccounts: true }),
  )
  return messages.flatMap(({ enrollments }) =>
    enrollments.map(({ studentKey, accountExists, username, email }) => [
      studentKey,
      accountExists,
      username,
      email,
    ]),
  )
}

test('accounts are linked, changed and taken away; who is not in the program is passed over', async () => {
  const programKey = await makeProgram()
  const link = async (...accounts: [studentKey: string, username: string, email: string][]) => {
    const list = accounts.map(([studentKey, username, email]) => ({ studentKey, username, email }))
    return (await enrollment.operator.linkAccounts({ programKey, accounts: list })).linked
  }
  expect(
    await link(
      ['ann', 'ann1', 'ann@example.org'],
      ['bob', 'bob1', ''],
      ['zoe', 'zoe1', ''],
      ['x\0', 'x', ''],
    ),
  ).toBe(2)
  expect(await accountsOf(programKey)).toEqual([
    ['ann', true, 'ann1', 'ann@example.org'],
    ['bob', true, 'bob1', ''],
    ['cyd', false, '', ''],
  ])
  expect(
    await link(['ann', '', 'ann@example.org'], ['bob', 'old', ''], ['bob', 'bob2', 'bob@example.org']),
  ).toBe(2)
  expect(await accountsOf(programKey)).toEqual([
    ['ann', false, '', ''],
    ['bob', true, 'bob2', 'bob@example.org'],
    ['cyd', false, '', ''],
  ])
  expect(await link()).toBe(0)
})

test('a new status leaves the account as it is', async () => {
  const programKey = await makeProgram()
  await enrollment.operator.linkAccounts({
    programKey,
    accounts: [{ studentKey: 'ann', username: 'ann', email: 'a@example.org' }],
  })
  for (const mode of [WriteMode.UPDATE, WriteMode.CREATE_OR_UPDATE]) {
    const status = mode === WriteMode.UPDATE ? 'ended' : 'pending'
    await enrollment.worker.writeProgramEnrollments({
      programKey,
      mode,
      enrollments: [{ studentKey: 'ann', status }],
    })
    expect((await accountsOf(programKey))[0]).toEqual(['ann', true, 'ann', 'a@example.org'])
  }
})

test.each([
  [{ username: 'x'.repeat(151) }, 'accounts[1].username'],
  [{ username: 'x\0' }, 'accounts[1].username'],
  [{ username: 'x', email: 'x'.repeat(255) }, 'accounts[1].email'],
])('an account that cannot be kept is refused by its field: %j', async (account, field) => {
  const programKey = await makeProgram()
  const accounts = [
    { studentKey: 'ann', username: 'ann' },
    { studentKey: 'bob', ...account },
  ]
  expect(await refusalOf(enrollment.operator.linkAccounts({ programKey, accounts }))).toMatchObject({
    reason: Reason.INVALID_ARGUMENT,
    fields: [field],
  })
  expect((await accountsOf(programKey))[0]).toEqual(['ann', false, '', ''])
})

test('only the operator links accounts', async () => {
  const programKey = await makeProgram()
  for (const client of [enrollment.as('partner'), enrollment.worker]) {
    expect((await refusalOf(client.linkAccounts({ programKey }))).reason).toBe(Reason.PERMISSION_DENIED)
  }
  expect((await refusalOf(enrollment.operator.linkAccounts({ programKey: 'unknown' }))).reason).toBe(
    Reason.PROGRAM_NOT_FOUND,
  )
})
