import { afterAll, beforeAll, expect, test } from 'vitest'
import { Reason } from '#kit/errors.ts'
import { Permission } from '#proto/registrar/accesscontrol/v1/permission_pb.ts'
import { startTestCatalog, type TestCatalog } from '../testing/catalog.ts'
import { refusalOf } from '../testing/refusal.ts'

const runs = [
  { key: 'course-v1:Stem+Z+Fall', externalKey: 'Z-1', title: 'Zoology', url: 'https://example.org/z' },
  { key: 'course-v1:Stem+A+Fall' },
]

let catalog: TestCatalog
let programId: string

beforeAll(async () => {
  catalog = await startTestCatalog()
  await catalog.makeOrganization('stem')
  programId = await catalog.makeProgram('masters-in-cs', 'stem', { type: 'Masters' })
  await catalog.makeProgram('bare', 'stem')
  for (const courseRun of runs) {
    await catalog.operator.addCourseRun({ programKey: 'masters-in-cs', courseRun })
  }
})

afterAll(() => catalog.stop())

test('course runs come in curriculum order, with what is known of them', async () => {
  const reader = catalog.as('reader', { programs: { [programId]: [Permission.READ_METADATA] } })
  for (const caller of [reader, catalog.worker, catalog.operator]) {
    const { courseRuns } = await caller.listCourseRuns({ programKey: 'masters-in-cs' })
    expect(courseRuns.map(({ key, externalKey, title, url }) => ({ key, externalKey, title, url }))).toEqual(
      runs,
    )
  }
})

test('there are none in a new program, and none to see without an active curriculum', async () => {
  expect((await catalog.operator.listCourseRuns({ programKey: 'bare' })).courseRuns).toEqual([])
  const retiredId = await catalog.makeProgram('retired', 'stem')
  await catalog.operator.addCourseRun({ programKey: 'retired', courseRun: { key: 'a/b/c' } })
  await catalog.sql('update program_details set active_curriculum_uuid = null where program_id = $1', [
    retiredId,
  ])
  expect((await catalog.operator.listCourseRuns({ programKey: 'retired' })).courseRuns).toEqual([])
})

test('who may not read metadata is refused, and an unknown program is said to be so first', async () => {
  const writer = catalog.as('writer', { programs: { [programId]: [Permission.WRITE_ENROLLMENTS] } })
  expect(await refusalOf(writer.listCourseRuns({ programKey: 'masters-in-cs' }))).toMatchObject({
    reason: Reason.PERMISSION_DENIED,
    metadata: { missing_permission: 'read_metadata' },
  })
  const unknown = writer.listCourseRuns({ programKey: 'nothing-here' })
  expect((await refusalOf(unknown)).reason).toBe(Reason.PROGRAM_NOT_FOUND)
  const inactive = catalog.as('former', { inactive: true }).listCourseRuns({ programKey: 'nothing-here' })
  expect((await refusalOf(inactive)).reason).toBe(Reason.USER_INACTIVE)
})
