import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { Reason } from '#kit/errors.ts'
import { startPostgres, type TestPostgres } from '#kit/testing/postgres.ts'
import { WriteMode } from '#proto/registrar/enrollment/v1/enrollment_write_pb.ts'
import { collect, refusalOf } from './testing/calls.ts'
import { externalKey, startTestEnrollment, type TestEnrollment } from './testing/enrollment.ts'

let postgres: TestPostgres
let enrollment: TestEnrollment

beforeAll(async () => {
  postgres = await startPostgres()
  const database = { url: postgres.url, drop: () => postgres.stop() }
  enrollment = await startTestEnrollment({ database, logLevel: 'trace' })
})

afterAll(() => enrollment.stop())

const mode = WriteMode.CREATE_OR_UPDATE

function writeCanary(programKey: string) {
  const enrollments = [{ studentKey: 'canary-key', status: 'enrolled' }]
  return enrollment.worker.writeProgramEnrollments({ programKey, mode, enrollments })
}

describe('while the database is away', () => {
  test('calls are refused as unavailable, and go on when it is back', async () => {
    const programKey = enrollment.makeProgram()
    await writeCanary(programKey)
    await postgres.pause()
    expect((await refusalOf(writeCanary(programKey))).reason).toBe(Reason.UNAVAILABLE)
    const stream = collect(enrollment.worker.streamProgramEnrollments({ programKey }))
    expect((await refusalOf(stream)).reason).toBe(Reason.UNAVAILABLE)
    await postgres.resume()
    expect((await writeCanary(programKey)).results).toMatchObject([{ accepted: true }])
  })

  test('a write of many batches that it breaks off can be repeated and is then whole', async () => {
    const programKey = enrollment.makeProgram()
    const enrollments = Array.from({ length: 60_000 }, (_, i) => ({
      studentKey: `s${i}`,
      status: 'enrolled',
    }))
    const write = () => enrollment.worker.writeProgramEnrollments({ programKey, mode, enrollments })
    const count = async () => {
      const rows = await enrollment.sql<{ count: number }>(
        'select count(*)::int as count from program_enrollments where program_uuid = $1',
        [enrollment.uuidOf(programKey)],
      )
      return rows[0]?.count ?? 0
    }
    const broken = refusalOf(write())
    await expect.poll(count, { timeout: 20_000, interval: 5 }).toBeGreaterThan(0)
    await postgres.pause()
    expect((await broken).reason).toBe(Reason.UNAVAILABLE)
    await postgres.resume()
    const left = await count()
    expect(left).toBeLessThan(60_000)
    expect((await write()).results.every(({ accepted }) => accepted)).toBe(true)
    expect(await count()).toBe(60_000)
    const history = await enrollment.sql('select from enrollment_changes where program_uuid = $1', [
      enrollment.uuidOf(programKey),
    ])
    expect(history).toHaveLength(60_000)
  })
})

test('nothing of a learner is logged, whatever happens, on any level', async () => {
  const programKey = enrollment.makeProgram()
  await writeCanary(programKey)
  const request = { programKey, courseId: externalKey }
  await enrollment.worker.writeCourseEnrollments({
    ...request,
    mode,
    enrollments: [
      { studentKey: 'canary-key', status: 'active' },
      { studentKey: 'canary-\0', status: 'active' },
    ],
  })
  await enrollment.operator.linkAccounts({
    programKey,
    accounts: [{ studentKey: 'canary-key', username: 'canary-name', email: 'canary@example.org' }],
  })
  const outcome = { case: 'error' as const, value: 'canary-error' }
  await enrollment.operator.recordCourseGrades({
    ...request,
    grades: [{ studentKey: 'canary-key', outcome }],
  })
  await refusalOf(
    enrollment.operator.linkAccounts({
      programKey,
      accounts: [{ studentKey: 'canary-key', username: 'canary\0' }],
    }),
  )
  await collect(enrollment.worker.streamProgramEnrollments({ programKey, includeAccounts: true }))
  await collect(enrollment.worker.streamCourseEnrollments(request))
  await collect(enrollment.worker.streamCourseGrades(request))
  // A fault inside the database, whose message and detail repeat what was being written.
  await enrollment.sql(
    'alter table program_enrollments add constraint broken check (student_key <> $$canary-new$$) not valid',
  )
  const enrollments = [{ studentKey: 'canary-new', status: 'enrolled' }]
  const broken = enrollment.worker.writeProgramEnrollments({ programKey, mode, enrollments })
  expect(await refusalOf(broken)).toMatchObject({ reason: Reason.INTERNAL, message: 'internal error' })
  await enrollment.sql('alter table program_enrollments drop constraint broken')

  await expect.poll(() => enrollment.output()).toContain('rpc failed')
  expect(enrollment.output()).toContain('WriteCourseEnrollments')
  expect(enrollment.output()).not.toContain('canary')
})

test('without the catalog calls are refused as unavailable', async () => {
  const programKey = enrollment.makeProgram()
  await enrollment.catalog.close()
  expect((await refusalOf(writeCanary(programKey))).reason).toBe(Reason.UNAVAILABLE)
})
