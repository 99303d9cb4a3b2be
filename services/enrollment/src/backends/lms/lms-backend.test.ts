import { afterAll, beforeAll, beforeEach, describe } from 'vitest'
import { type LmsStandIn, startLms } from '#edx/lms.ts'
import { createLogger } from '#kit/logger.ts'
import { createUpstream, type Upstream } from '#kit/upstream.ts'
import { testBackendContract } from '../../testing/backend-contract.ts'
import { type BackendUnderTest, makeContractPrograms } from '../../testing/backend-driver.ts'
import { createLmsBackend } from './lms-backend.ts'

let lms: LmsStandIn
let upstream: Upstream

beforeAll(async () => {
  lms = await startLms()
  const { client } = lms.tokens
  upstream = createUpstream({
    name: 'LMS',
    baseUrl: lms.url,
    credentials: { ...client, providerUrl: `${lms.url}/oauth2` },
    logger: createLogger('test', 'silent'),
  })
})

afterAll(async () => {
  await upstream.close()
  await lms.close()
})

beforeEach(() => lms.state.reset())

describe.each([
  ['in pages as large as batches', 1_000],
  ['in small pages', 7],
  ['in pages larger than batches', 3_000],
])('%s', (_, pageSize) => {
  testBackendContract(
    (): BackendUnderTest => ({
      backend: createLmsBackend(upstream, { pageSize }),
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
