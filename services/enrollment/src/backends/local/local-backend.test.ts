import type { Sequelize } from 'sequelize'
import { afterAll, beforeAll } from 'vitest'
import { createLogger } from '#kit/logger.ts'
import { migrate } from '#kit/migrate.ts'
import { createTestDatabase, type TestDatabase } from '#kit/testing/postgres.ts'
import { type AuditStore, createAuditStore } from '../../store/audit-store.ts'
import { openEnrollmentDatabase } from '../../store/database.ts'
import { testBackendContract } from '../../testing/backend-contract.ts'
import { makeContractPrograms } from '../../testing/backend-driver.ts'
import type { EnrollmentBackend } from '../backend.ts'
import { createLocalBackend } from './local-backend.ts'

let testDatabase: TestDatabase
let database: Sequelize
let backend: EnrollmentBackend
let audit: AuditStore

beforeAll(async () => {
  testDatabase = await createTestDatabase()
  await migrate(testDatabase.url, 'enrollment', new URL('../../../migrations/', import.meta.url))
  database = openEnrollmentDatabase(testDatabase.url, createLogger('test', 'silent'))
  backend = createLocalBackend(database)
  audit = createAuditStore(database)
})

afterAll(async () => {
  await database.close()
  await testDatabase.drop()
})

const { signal } = new AbortController()
const author = { kind: 'service', name: 'operator', via: null, requestId: 'request-2' } as const

testBackendContract(() => ({
  backend,
  audit,
  makePrograms: async (count) => makeContractPrograms(count),
  async linkAccount(program, account) {
    await backend.linkAccounts(program, { accounts: [account], author }, signal)
  },
  async recordGrade(program, run, grade) {
    await backend.recordCourseGrades(program, run, { grades: [grade], author }, signal)
  },
}))
