import { expect, test } from 'vitest'
import { compareByCodePoint } from './code-points.ts'
import { outcomeOf } from './outcome.ts'
import { courseStaffOf, planUpload, uploadHeaderOf, uploadLineOf } from './upload-plan.ts'

test('learners are ordered by code point and told once, however often they come', () => {
  const plan = planUpload([
    { student_key: 'b', status: '1' },
    { student_key: '\u{1f600}', status: '2' },
    { student_key: '\uffee', status: '3' },
    { student_key: 'B', status: '4' },
    { student_key: 'b', status: '5' },
  ])
  expect(plan.groups).toHaveLength(1)
  expect(plan.groups[0]?.entries).toEqual([
    { row: { student_key: 'B', status: '4' }, count: 1 },
    { row: { student_key: 'b', status: '5' }, count: 2 },
    { row: { student_key: '\uffee', status: '3' }, count: 1 },
    { row: { student_key: '\u{1f600}', status: '2' }, count: 1 },
  ])
})

test('course runs come in the order in which they were first named, each by the name it was given', () => {
  const rows = ['ext', 'int', 'ext'].map((course_id, index) => ({
    course_id,
    student_key: `s${index}`,
    status: 'active',
  }))
  const plan = planUpload(rows)
  expect(plan.groups.map(({ courseId, rows }) => [courseId, rows.length])).toEqual([
    ['ext', 2],
    ['int', 1],
  ])
})

test('the same learner in two course runs is no duplicate', () => {
  const plan = planUpload([
    { course_id: 'a', student_key: 's', status: 'active', course_staff: 'True' },
    { course_id: 'b', student_key: 's', status: 'active', course_staff: 'False' },
  ])
  expect(
    plan.groups.map(({ entries }) => entries.map(({ count, row }) => [count, row.course_staff])),
  ).toEqual([[[1, 'True']], [[1, 'False']]])
})

test('results repeat what identifies the row, with course_staff only where the upload had it', () => {
  const row = { course_id: 'c,1', student_key: 's', status: 'active', course_staff: '' }
  const program = { isCourse: false, hasCourseStaff: false }
  expect(uploadHeaderOf(program) + uploadLineOf(program, row, 'enrolled')).toBe(
    'student_key,status\r\ns,enrolled\r\n',
  )
  const course = { isCourse: true, hasCourseStaff: false }
  expect(uploadHeaderOf(course) + uploadLineOf(course, row, 'conflict')).toBe(
    'course_id,student_key,status\r\n"c,1",s,conflict\r\n',
  )
  const staff = { isCourse: true, hasCourseStaff: true }
  expect(uploadHeaderOf(staff) + uploadLineOf(staff, row, 'active')).toBe(
    'course_id,student_key,status,course_staff\r\n"c,1",s,active,\r\n',
  )
})

test.each([
  ['True', true],
  ['yes', true],
  ['1', true],
  ['FALSE', false],
  ['off', false],
  ['', undefined],
  [undefined, undefined],
  ['maybe', null],
])('course_staff %j asks for %j', (cell, wanted) => {
  expect(courseStaffOf(cell)).toBe(wanted)
})

test.each([
  [{ good: 1, bad: 0 }, '200'],
  [{ good: 1, bad: 1 }, '207'],
  [{ good: 0, bad: 1 }, '422'],
  [{ good: 0, bad: 0 }, '204'],
] as const)('%o comes to %s', (tally, outcome) => {
  expect(outcomeOf(tally)).toBe(outcome)
})

test('texts are ordered by code point', () => {
  const texts = ['\u{10000}', '\uffff', '\ud7ff', 'a', '', 'ab', '\u{10ffff}', '\ue000']
  expect(texts.toSorted(compareByCodePoint)).toEqual(
    texts.toSorted((a, b) => Buffer.compare(Buffer.from(a), Buffer.from(b))),
  )
})
