import { expect, test } from 'vitest'
import { DomainError, Reason } from '#kit/errors.ts'
import type { WriteKind } from './job.ts'
import { createUpload, maximumUploadBytes, parseUpload, type UploadRow } from './upload-csv.ts'

type Options = { kind?: WriteKind; allowCourseStaff?: boolean }

async function parse(content: string | Uint8Array, options: Options = {}): Promise<UploadRow[]> {
  const { kind = 'WriteProgramEnrollments', allowCourseStaff = false } = options
  const bytes = typeof content === 'string' ? Buffer.from(content) : content
  return Array.fromAsync(parseUpload(bytes, kind, { allowCourseStaff }))
}

async function refusalOf(content: string | Uint8Array, options?: Options): Promise<string> {
  const error = await parse(content, options).then(
    () => undefined,
    (thrown: unknown) => thrown,
  )
  if (!(error instanceof DomainError) || error.reason !== Reason.CSV_INVALID)
    throw error ?? new Error('accepted')
  return error.message
}

const course = { kind: 'WriteCourseRunEnrollments' } as const
const staff = { ...course, allowCourseStaff: true }

test('rows are read by the names of their columns, whatever order, letter case and spaces those have', async () => {
  expect(await parse(' STATUS , Student_Key,notes\nenrolled,s1,x\r\npending,s2,\rended,s3,y')).toEqual([
    { student_key: 's1', status: 'enrolled' },
    { student_key: 's2', status: 'pending' },
    { student_key: 's3', status: 'ended' },
  ])
})

test('values lose the space around them, after it was judged whether they are there', async () => {
  expect(await parse('student_key,status\n s1 ,\tenrolled\n   ,enrolled')).toEqual([
    { student_key: 's1', status: 'enrolled' },
    { student_key: '', status: 'enrolled' },
  ])
})

test('a byte order mark before the header is no part of it', async () => {
  expect(await parse('\ufeffstudent_key,status\ns1,enrolled')).toEqual([
    { student_key: 's1', status: 'enrolled' },
  ])
})

test('of two columns with the same name the last counts', async () => {
  expect(await parse('student_key,status,student_key\nfirst,enrolled,last')).toEqual([
    { student_key: 'last', status: 'enrolled' },
  ])
})

test('quoted cells hold commas and quotes, and lose line breaks', async () => {
  expect(await parse('student_key,status\n"a,b","say ""hi"""\n"c\nd",x\n"e\r\nf",y\ng"h,z')).toEqual([
    { student_key: 'a,b', status: 'say "hi"' },
    { student_key: 'cd', status: 'x' },
    { student_key: 'ef', status: 'y' },
    { student_key: 'g"h', status: 'z' },
  ])
})

test('formulas and other letters than ASCII are data', async () => {
  expect(await parse('student_key,status\n=1+1,@x\n-5,+y\nJürgen 学生,é')).toEqual([
    { student_key: '=1+1', status: '@x' },
    { student_key: '-5', status: '+y' },
    { student_key: 'Jürgen 学生', status: 'é' },
  ])
})

test('blank lines are passed over and not counted', async () => {
  expect(await refusalOf('student_key,status\n\ns1,enrolled\n\n\ns2,\n')).toBe(
    'CSV is missing data at row #2. Required fields are [student_key, status].',
  )
})

test('a file of nothing but its header has no rows', async () => {
  expect(await parse('student_key,status\n')).toEqual([])
  expect(await parse('student_key,status')).toEqual([])
})

test('every header that is missing is named', async () => {
  expect(await refusalOf('a,b\n')).toBe('CSV is missing headers [student_key, status]')
  expect(await refusalOf('student_key\nx')).toBe('CSV is missing headers [status]')
  expect(await refusalOf('student_key,status\n', course)).toBe('CSV is missing headers [course_id]')
  expect(await refusalOf('student_key;status\na;b')).toBe('CSV is missing headers [student_key, status]')
})

test.each(['', '\n\n', '\ufeff'])('a file without anything in it lacks its headers (%j)', async (content) => {
  expect(await refusalOf(content)).toBe('CSV is missing headers [student_key, status]')
})

test.each(['s1', 's1,', ',enrolled', 's1,enrolled,more', '"",enrolled'])(
  'a row with too few, too many or empty cells is named by its number: %s',
  async (row) => {
    expect(await refusalOf(`student_key,status\nok,enrolled\n${row}\n`)).toBe(
      'CSV is missing data at row #2. Required fields are [student_key, status].',
    )
  },
)

test('course_staff counts only for those who may use it', async () => {
  const content = 'course_id,student_key,status,course_staff\nc1,s1,active,True\nc1,s2,active,'
  expect(await parse(content, course)).toEqual([
    { course_id: 'c1', student_key: 's1', status: 'active' },
    { course_id: 'c1', student_key: 's2', status: 'active' },
  ])
  expect(await parse(content, staff)).toEqual([
    { course_id: 'c1', student_key: 's1', status: 'active', course_staff: 'True' },
    { course_id: 'c1', student_key: 's2', status: 'active', course_staff: '' },
  ])
  expect(await parse('course_id,student_key,status\nc1,s1,active', staff)).toEqual([
    { course_id: 'c1', student_key: 's1', status: 'active' },
  ])
})

test('a row that ends before its course_staff is refused', async () => {
  expect(await refusalOf('course_id,student_key,status,course_staff\nc1,s1,active', staff)).toBe(
    'CSV is missing data at row #1. Required fields are [course_id, student_key, status, course_staff].',
  )
})

test('what is not text is refused', async () => {
  expect(await refusalOf(Buffer.from('student_key,status\nJ\xfcrgen,x', 'latin1'))).toBe(
    'CSV is not encoded in UTF-8',
  )
  expect(await refusalOf(Buffer.from('\ufeffstudent_key,status\na,b', 'utf16le'))).toBe(
    'CSV is not encoded in UTF-8',
  )
  expect(await refusalOf('student_key,status\na\0,b')).toBe('CSV contains a NUL character')
})

test('a quote that is never closed is refused', async () => {
  expect(await refusalOf(`student_key,status\n"s1,enrolled\n${'s2,enrolled\n'.repeat(100)}`)).toBe(
    'CSV has a quoted field that is never closed',
  )
})

test('a cell of five megabytes is refused', async () => {
  const content = `student_key,status\n${'x'.repeat(maximumUploadBytes - 100)},enrolled`
  expect(await refusalOf(content)).toMatch(/^CSV has a row longer than 131072 bytes/)
})

test('more than two thousand columns are refused, whatever they are called', async () => {
  for (const last of ['x', 'student_key,status']) {
    expect(await refusalOf(`${'x,'.repeat(2_000)}${last}\na,b`)).toBe('CSV has more than 2000 columns')
  }
})

test('a thousand columns are no trouble', async () => {
  const header = Array.from({ length: 1_000 }, (_, index) => `h${index}`).join(',')
  expect(await parse(`${header},student_key,status\n${'x,'.repeat(1_000)}s1,enrolled`)).toEqual([
    { student_key: 's1', status: 'enrolled' },
  ])
})

test('the largest file leaves the process time for other work', async () => {
  let content = 'student_key,status\n'
  for (let row = 0; content.length < maximumUploadBytes - 40; row++) content += `student-${row},enrolled\n`
  let turns = 0
  const timer = setInterval(() => turns++, 1)
  const rows = await parse(content)
  clearInterval(timer)
  expect(rows.length).toBeGreaterThan(200_000)
  expect(turns).toBeGreaterThan(10)
})

test('an upload is kept as a JSON array of its rows, and counted', async () => {
  const rows = Array.from({ length: 5_000 }, (_, row) => ({ student_key: `"${row}`, status: 'é' }))
  const content = `student_key,status\n${rows.map(({ student_key }) => `"${student_key.replaceAll('"', '""')}",é`).join('\n')}`
  const upload = createUpload(Buffer.from(content), 'WriteProgramEnrollments', { allowCourseStaff: false })
  expect(JSON.parse((await Array.fromAsync(upload.chunks)).join(''))).toEqual(rows)
  expect(upload.rowCount()).toBe(5_000)

  const header = Buffer.from('student_key,status')
  const empty = createUpload(header, 'WriteProgramEnrollments', { allowCourseStaff: false })
  expect(JSON.parse((await Array.fromAsync(empty.chunks)).join(''))).toEqual([])
  expect(empty.rowCount()).toBe(0)
})
