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

async function keysIn(programKey: string): Promise<string[]> {
  const { courseRuns } = await catalog.operator.listCourseRuns({ programKey })
  return courseRuns.map(({ key }) => key)
}

test('a course run goes to the end of the curriculum', async () => {
  await catalog.makeProgram('growing', 'stem')
  const root = catalog.as('root', { superuser: true })
  const first = { key: 'course-v1:Stem+Z+Fall', externalKey: 'ext:Z_1-a', title: 'Zoology', url: 'https://z' }
  const { courseRun } = await root.addCourseRun({ programKey: 'growing', courseRun: first })
  expect(courseRun).toMatchObject(first)
  await root.addCourseRun({ programKey: 'growing', courseRun: { key: 'Stem/A/Fall' } })
  expect(await keysIn('growing')).toEqual(['course-v1:Stem+Z+Fall', 'Stem/A/Fall'])
})

test('neither key is given twice in a program; another program may have them', async () => {
  await catalog.makeProgram('strict', 'stem')
  await catalog.makeProgram('other', 'stem')
  const courseRun = { key: 'a+b+c', externalKey: 'EXT' }
  await catalog.operator.addCourseRun({ programKey: 'strict', courseRun })
  for (const same of [{ key: 'a+b+c' }, { key: 'x+y+z', externalKey: 'EXT' }]) {
    const call = catalog.operator.addCourseRun({ programKey: 'strict', courseRun: same })
    expect((await refusalOf(call)).reason).toBe(Reason.ALREADY_EXISTS)
  }
  await catalog.operator.addCourseRun({
    programKey: 'strict',
    courseRun: { key: 'x+y+z', externalKey: 'ext' },
  })
  await catalog.operator.addCourseRun({ programKey: 'other', courseRun })
  expect([await keysIn('strict'), await keysIn('other')]).toEqual([['a+b+c', 'x+y+z'], ['a+b+c']])
})

test('many that come at once are all added, and of equal ones exactly one', async () => {
  await catalog.makeProgram('busy', 'stem')
  const keys = Array.from({ length: 12 }, (_, index) => `Stem+C${index % 6}+Fall`)
  const results = await Promise.allSettled(
    keys.map((key) => catalog.operator.addCourseRun({ programKey: 'busy', courseRun: { key } })),
  )
  expect(results.filter(({ status }) => status === 'fulfilled')).toHaveLength(6)
  expect((await keysIn('busy')).toSorted()).toEqual(keys.slice(0, 6).toSorted())
})

test.each([
  [{ key: 'a+b' }, ['course_run.key']],
  [{ key: 'a' }, ['course_run.key']],
  [{ key: '' }, ['course_run.key']],
  [{ key: 'a+b+c?d' }, ['course_run.key']],
  [{ key: 'x/y/z/w' }, ['course_run.key']],
  [{ key: 'a+b+c\0' }, ['course_run.key']],
  [{ key: 'a+b+c', externalKey: 'ext.key' }, ['course_run.external_key']],
  [{ key: 'a+b+c', externalKey: '' }, ['course_run.external_key']],
  [{ key: 'a+b+c', title: 't'.repeat(256), url: 'nul\0' }, ['course_run.title', 'course_run.url']],
  [undefined, ['course_run']],
])('%j is not a course run', async (courseRun, fields) => {
  await catalog.operator.createProgram({ key: 'picky', organizationKey: 'stem' }).catch(() => {})
  const call = catalog.operator.addCourseRun({ programKey: 'picky', courseRun })
  expect(await refusalOf(call)).toMatchObject({ reason: Reason.INVALID_ARGUMENT, fields })
  expect(await keysIn('picky')).toEqual([])
})

test('a program without an active curriculum takes none', async () => {
  const id = await catalog.makeProgram('retired', 'stem')
  await catalog.sql('update program_details set active_curriculum_uuid = null where program_id = $1', [id])
  const call = catalog.operator.addCourseRun({ programKey: 'retired', courseRun: { key: 'a+b+c' } })
  expect((await refusalOf(call)).reason).toBe(Reason.NO_ACTIVE_CURRICULUM)
})

test('only superusers and the operator add, and only to a program that is there', async () => {
  const request = { programKey: 'nothing-here', courseRun: { key: 'a+b+c' } }
  const staff = catalog.as('staff', { staff: true }).addCourseRun(request)
  expect((await refusalOf(staff)).reason).toBe(Reason.PERMISSION_DENIED)
  const operator = catalog.operator.addCourseRun(request)
  expect((await refusalOf(operator)).reason).toBe(Reason.PROGRAM_NOT_FOUND)
})
