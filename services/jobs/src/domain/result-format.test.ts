import { expect, test } from 'vitest'
import type { ReadKind, ResultFormat } from './job.ts'
import {
  type CourseRow,
  csvLine,
  type GradeRow,
  type ProgramRow,
  type Row,
  rowWriterOf,
} from './result-format.ts'

function write(
  kind: ReadKind,
  format: ResultFormat,
  rows: Row[],
  flags: { accounts?: boolean; staff?: boolean } = {},
) {
  const writer = rowWriterOf({
    kind,
    format,
    includeAccounts: flags.accounts ?? false,
    includeCourseStaff: flags.staff ?? false,
  })
  // Row by row: where batches end must not show.
  const middle = rows.map((row, index) => writer.writeRows([row], index === 0)).join('')
  expect(rows.length === 0 ? '' : writer.writeRows(rows, true)).toBe(middle)
  return writer.opening + middle + writer.closing
}

const learners: ProgramRow[] = [
  { studentKey: ' s,1 ', status: 'enrolled', accountExists: true, username: 'ann', email: 'ann@example.com' },
  { studentKey: 'Jü"rgen', status: 'pending', accountExists: false, username: '', email: '' },
]
const inCourse: CourseRow[] = [
  { courseId: 'EXT-1', studentKey: 's1', status: 'active', accountExists: true, courseStaff: true },
  { courseId: 'EXT-1', studentKey: 's\r\n2', status: 'inactive', accountExists: false, courseStaff: false },
]
const grades: GradeRow[] = [
  {
    studentKey: 's1',
    outcome: { case: 'grade', value: { letterGrade: 'A', percent: '0.950', passed: true } },
  },
  { studentKey: 's2', outcome: { case: 'grade', value: { percent: '1.000', passed: false } } },
  { studentKey: 's3', outcome: { case: 'error', value: 'no grade, yet' } },
]

test('program enrollments', () => {
  expect(write('ListProgramEnrollments', 'csv', learners)).toBe(
    'student_key,status,account_exists\r\n"s,1",enrolled,True\r\n"Jü""rgen",pending,False\r\n',
  )
  const json = write('ListProgramEnrollments', 'json', learners)
  expect(JSON.parse(json)).toEqual([
    { account_exists: true, status: 'enrolled', student_key: 's,1' },
    { account_exists: false, status: 'pending', student_key: 'Jü"rgen' },
  ])
  expect(keysOf(json)).toEqual(['account_exists', 'status', 'student_key'])
})

test('program enrollments with accounts', () => {
  expect(write('ListProgramEnrollments', 'csv', learners, { accounts: true })).toBe(
    'student_key,status,account_exists,username,email\r\n' +
      '"s,1",enrolled,True,ann,ann@example.com\r\n"Jü""rgen",pending,False,,\r\n',
  )
  const json = write('ListProgramEnrollments', 'json', learners, { accounts: true })
  expect(keysOf(json)).toEqual(['account_exists', 'email', 'status', 'student_key', 'username'])
  expect(JSON.parse(json)[1]).toMatchObject({ email: '', username: '' })
})

test.each(['ListCourseRunEnrollments', 'ListAllCourseRunEnrollments'] as const)(
  'course enrollments: %s',
  (kind) => {
    expect(write(kind, 'csv', inCourse)).toBe(
      'course_id,student_key,status,account_exists\r\nEXT-1,s1,active,True\r\nEXT-1,"s\r\n2",inactive,False\r\n',
    )
    expect(write(kind, 'csv', inCourse, { staff: true })).toBe(
      'course_id,student_key,status,account_exists,course_staff\r\n' +
        'EXT-1,s1,active,True,True\r\nEXT-1,"s\r\n2",inactive,False,False\r\n',
    )
    expect(keysOf(write(kind, 'json', inCourse))).toEqual([
      'course_id',
      'student_key',
      'status',
      'account_exists',
    ])
    const json = write(kind, 'json', inCourse, { staff: true })
    expect(keysOf(json)).toEqual(['course_id', 'student_key', 'status', 'account_exists', 'course_staff'])
    expect(JSON.parse(json)[0].course_staff).toBe(true)
  },
)

test('grades', () => {
  expect(write('GetCourseRunGrades', 'csv', grades)).toBe(
    'student_key,letter_grade,percent,passed,error\r\n' +
      's1,A,0.950,True,\r\ns2,,1.000,False,\r\ns3,,,,"no grade, yet"\r\n',
  )
  expect(JSON.parse(write('GetCourseRunGrades', 'json', grades))).toEqual([
    { student_key: 's1', letter_grade: 'A', percent: '0.950', passed: true },
    { student_key: 's2', letter_grade: null, percent: '1.000', passed: false },
    { student_key: 's3', letter_grade: null, error: 'no grade, yet' },
  ])
})

test('nothing', () => {
  expect(JSON.parse(write('ListProgramEnrollments', 'json', []))).toEqual([])
  expect(write('ListProgramEnrollments', 'csv', [])).toBe('student_key,status,account_exists\r\n')
})

test('cells are quoted only where they must be', () => {
  expect(csvLine(['a b', "it's", '=1', ' x ', 'é', '', 'a,b', 'a"b', 'a\nb'])).toBe(
    'a b,it\'s,=1, x ,é,,"a,b","a""b","a\nb"\r\n',
  )
})

function keysOf(json: string): string[] {
  return Object.keys(JSON.parse(json)[0])
}
