import type { Sequelize } from 'sequelize'
import { afterAll, beforeAll, beforeEach, describe } from 'vitest'
import { type LmsStandIn, startLms } from '#edx/lms.ts'
import { createLogger } from '#kit/logger.ts'
import { migrate } from '#kit/migrate.ts'
import { createTestDatabase, type TestDatabase } from '#kit/testing/postgres.ts'
import { createUpstream, type Upstream } from '#kit/upstream.ts'
import { createAuditStore } from '../../store/audit-store.ts'
import { createAuditTrail } from '../../store/audit-trail.ts'
import { openEnrollmentDatabase } from '../../store/database.ts'
import { testBackendContract } from '../../testing/backend-contract.ts'
import { type BackendUnderTest, makeContractPrograms } from '../../testing/backend-driver.ts'
import { createLmsBackend } from './lms-backend.ts'

const logger = createLogger('test', 'silent')
let testDatabase: TestDatabase
let database: Sequelize
let lms: LmsStandIn
let upstream: Upstream

beforeAll(async () => {
  testDatabase = await createTestDatabase()
  await migrate(testDatabase.url, 'enrollment', new URL('../../../migrations/', import.meta.url))
  database = openEnrollmentDatabase(testDatabase.url, logger)
  lms = await startLms()
  const { client } = lms.tokens
  upstream = createUpstream({
    name: 'LMS',
    baseUrl: lms.url,
    credentials: { ...client, providerUrl: `${lms.url}/oauth2` },
    logger,
  })
})

afterAll(async () => {
  await upstream.close()
  await lms.close()
  await database.close()
  await testDatabase.drop()
})

beforeEach(() => lms.state.reset())

describe.each([
  ['in pages as large as batches', 1_000],
  ['in small pages', 7],
  ['in pages larger than batches', 3_000],
])('%s', (_, pageSize) => {
  testBackendContract(
    (): BackendUnderTest => ({
      backend: createLmsBackend(upstream, { pageSize, trail: createAuditTrail(database, logger) }),
      audit: createAuditStore(database),
      async makePrograms(count) {
        const programs = makeContractPrograms(count)
        for (const { program, runs } of programs) {
          lms.state.addProgram(
            program.uuid,
            runs.map(({ key }) => key),
          )
        }
        return programs
      },
      async linkAccount(_, { studentKey, username, email }) {
        lms.state.linkAccount(studentKey, { username, email })
      },
      async recordGrade({ uuid }, { key }, { studentKey, ...grade }) {
        lms.state.programs
          .get(uuid)
          ?.courses.get(key)
          ?.grades.set(
            studentKey,
            'error' in grade
              ? grade
              : {
                  letter_grade: grade.letterGrade ?? null,
                  percent: Number(grade.percent),
                  passed: grade.passed,
                },
          )
      },
    }),
  )
})
