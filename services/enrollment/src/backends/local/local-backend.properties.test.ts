import { randomUUID } from 'node:crypto'
import fc from 'fast-check'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { WriteMode } from '#proto/registrar/enrollment/v1/enrollment_write_pb.ts'
import {
  startTestEnrollment,
  type TestEnrollment,
  withExternalKey,
  withoutExternalKey,
} from '../../testing/enrollment.ts'
import { EnrollmentModel, type ModelItem, type ModelMode } from '../../testing/model.ts'

let enrollment: TestEnrollment

beforeAll(async () => {
  enrollment = await startTestEnrollment()
})

afterAll(() => enrollment.stop())

const modes: Record<ModelMode, WriteMode> = {
  POST: WriteMode.CREATE,
  PATCH: WriteMode.UPDATE,
  PUT: WriteMode.CREATE_OR_UPDATE,
}
const runs = [withExternalKey, withoutExternalKey]

const mode = fc.constantFrom<ModelMode>('POST', 'PATCH', 'PUT')
// Two programs of one organization and one of another.
const program = fc.nat({ max: 2 })
const studentKey = fc.oneof(
  { weight: 20, arbitrary: fc.constantFrom('a', 'b', 'c', 'd', 'e') },
  { weight: 1, arbitrary: fc.constant('') },
)

function itemsWith(statuses: string[]): fc.Arbitrary<ModelItem[]> {
  const status = fc.oneof(
    { weight: 12, arbitrary: fc.constantFrom(...statuses) },
    { weight: 1, arbitrary: fc.constantFrom('', 'nonsense') },
  )
  const item = fc.record(
    { studentKey, status, courseStaff: fc.boolean() },
    { requiredKeys: ['studentKey', 'status'] },
  )
  const ofDifferentStudents = fc.uniqueArray(item, {
    selector: (each) => each.studentKey,
    maxLength: 5,
    size: 'max',
  })
  return fc.oneof(
    { weight: 5, arbitrary: ofDifferentStudents },
    { weight: 1, arbitrary: fc.array(item, { maxLength: 5, size: 'max' }) },
  )
}

const command = fc.oneof(
  fc.record({
    kind: fc.constant('program' as const),
    program,
    mode,
    items: itemsWith(['enrolled', 'pending', 'ended']),
  }),
  fc.record({
    kind: fc.constant('course' as const),
    program,
    run: fc.constantFrom(...runs),
    mode,
    items: itemsWith(['active', 'active', 'inactive']),
  }),
)

const allThatCanCome = [
  ...['POST', 'PATCH', 'PUT'].flatMap((each) =>
    ['enrolled', 'duplicated', 'invalid-status', 'internal-error'].map(
      (status) => `program ${each} ${status}`,
    ),
  ),
  'program POST conflict',
  'program PATCH not-in-program',
  ...['POST', 'PATCH', 'PUT'].flatMap((each) =>
    ['active', 'duplicated', 'invalid-status', 'internal-error', 'conflict', 'not-in-program'].map(
      (status) => `course ${each} ${status}`,
    ),
  ),
  'course PATCH not-found',
]

test('any sequence of writes has the outcomes of the rules, leaves what they leave, and its history adds up to that', async () => {
  const seen = new Set<string>()
  await fc.assert(
    fc.asyncProperty(fc.array(command, { minLength: 10, maxLength: 30, size: 'max' }), async (commands) => {
      const organizations = [randomUUID(), randomUUID()] as const
      const keys = [0, 1, 2].map((index) =>
        enrollment.makeProgram({ organizationId: organizations[index === 2 ? 1 : 0] }),
      )
      const model = new EnrollmentModel(
        (key) => enrollment.catalog.programs.get(key)?.organizationId as string,
      )
      for (const each of commands) {
        const programKey = keys[each.program] as string
        const request = { programKey, mode: modes[each.mode], enrollments: each.items }
        const isCourse = each.kind === 'course'
        const expected = isCourse
          ? model.writeCourse(programKey, each.run, each.mode, each.items)
          : model.writeProgram(programKey, each.mode, each.items)
        const { results } = isCourse
          ? await enrollment.worker.writeCourseEnrollments({ ...request, courseId: each.run })
          : await enrollment.worker.writeProgramEnrollments(request)
        expect(Object.fromEntries(results.map((result) => [result.studentKey, result.status]))).toEqual(
          expected,
        )
        for (const { studentKey: key, status, accepted } of results) {
          seen.add(`${each.kind} ${each.mode} ${status}`)
          expect(accepted).toBe(each.items.some((item) => item.studentKey === key && item.status === status))
        }
      }
      for (const key of keys) await expectStored(key, model)
    }),
    { numRuns: 80 },
  )
  expect([...seen]).toEqual(expect.arrayContaining(allThatCanCome))
}, 300_000)

async function expectStored(programKey: string, model: EnrollmentModel): Promise<void> {
  const uuid = enrollment.uuidOf(programKey)
  const inProgram = Object.fromEntries(model.programs.get(programKey) ?? [])
  const rows = await enrollment.sql(
    'select student_key, status from program_enrollments where program_uuid = $1',
    [uuid],
  )
  expect(Object.fromEntries(rows.map((row) => [row.student_key, row.status]))).toEqual(inProgram)
  expect(await lastInHistory(uuid, null)).toEqual(inProgram)
  for (const run of runs) {
    const places = model.courses.get(programKey)?.get(run) ?? new Map()
    const courseRows = await enrollment.sql(
      `select student_key, status, coalesce(course_staff, false) as staff from course_enrollments
       where program_uuid = $1 and course_key = $2`,
      [uuid, run],
    )
    expect(
      Object.fromEntries(
        courseRows.map((row) => [row.student_key, { status: row.status, courseStaff: row.staff }]),
      ),
    ).toEqual(Object.fromEntries(places))
    const statuses = Object.fromEntries([...places].map(([key, { status }]) => [key, status]))
    expect(await lastInHistory(uuid, run)).toEqual(statuses)
  }
}

/** What the history says that the statuses are, after checking that each change starts from where the last one ended. */
async function lastInHistory(uuid: string, run: string | null): Promise<Record<string, string>> {
  const rows = await enrollment.sql<{ student_key: string; previous_status: string | null; status: string }>(
    `select student_key, previous_status, status from enrollment_changes
     where program_uuid = $1 and course_key is not distinct from $2 order by id`,
    [uuid, run],
  )
  const last = new Map<string, string>()
  for (const row of rows) {
    expect(row.previous_status).toBe(last.get(row.student_key) ?? null)
    last.set(row.student_key, row.status)
  }
  return Object.fromEntries(last)
}
