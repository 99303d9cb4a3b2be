import { beforeAll, describe, expect, test } from 'vitest'
import type { PartName } from '../fixtures/cast.ts'
import { ask, openScene, type Scene } from './ask.ts'
import { formOf, runJob } from './run-job.ts'

let scene: Scene

beforeAll(async () => {
  scene = await openScene()
  await scene.school.enroll(scene.school.masters, 5, 'l')
})

type Upload = {
  content: string | Uint8Array<ArrayBuffer>
  course?: boolean
  as?: PartName
  name?: string
  type?: string
}

const request = ({ content, course = false, as = 'writer', name, type }: Upload) => ({
  method: 'POST',
  path: `/api/v1/programs/{masters}/${course ? 'course_' : ''}enrollments/upload`,
  as,
  body: formOf(content, name, type),
})

/** The rows of the result, without the header, sorted as they come; and the job’s text. */
async function rowsOf(upload: Upload): Promise<{ text: string | null; rows: string[] }> {
  const { job, result } = await runJob(scene, request(upload))
  expect(job.state).toBe('Succeeded')
  const [header, ...rows] = result.split('\r\n')
  expect(header?.startsWith(upload.course ? 'course_id,student_key,status' : 'student_key,status')).toBe(true)
  expect(rows.pop()).toBe('')
  return { text: job.text, rows }
}

const headers = 'student_key,status'
const enrolled = { text: '200', rows: ['l000000,enrolled', 'l000001,ended'] }
const rows = ['l000000,enrolled', 'l000001,ended']
const latin1 = (text: string) => Uint8Array.from(Buffer.from(text, 'latin1'))

describe('a file is taken', () => {
  test.each<[name: string, content: string | Uint8Array<ArrayBuffer>]>([
    ['with line ends as Windows has them', [headers, ...rows, ''].join('\r\n')],
    ['with line ends as Unix has them', [headers, ...rows, ''].join('\n')],
    ['with line ends as old Macs had them', [headers, ...rows, ''].join('\r')],
    ['with line ends of all kinds', `${headers}\r${rows[0]}\n${rows[1]}\r\n`],
    ['without a line end behind the last row', [headers, ...rows].join('\n')],
    ['with a byte order mark', `\ufeff${[headers, ...rows].join('\r\n')}`],
    ['with blank lines anywhere', `\n\n${headers}\n\n${rows[0]}\n\n\n${rows[1]}\n\n`],
    [
      'with headers in any letter case and white space around them',
      [' Student_Key ,\tSTATUS ', ...rows].join('\n'),
    ],
    ['with columns in any order', 'status,student_key\nenrolled,l000000\nended,l000001'],
    [
      'with further columns',
      'name,student_key,x,status,course_staff\nAnna,l000000,1,enrolled,True\nBen,l000001,,ended,nonsense',
    ],
    ['with white space around values', `${headers}\n l000000 ,  enrolled\nl000001\t,ended `],
    ['with values in quotes', `"student_key","status"\n"l000000","enrolled"\n"l000001",ended`],
    [
      'with a header twice: the last counts',
      'student_key,status,status\nl000000,x,enrolled\nl000001,x,ended',
    ],
    ['with a line break in quotes, which is lost', `${headers}\n"l000\n000",enrolled\n"l000001","en\r\nded"`],
    [
      'with quotes in the middle of further columns',
      `a,${headers}\n5" x,l000000,enrolled\nx "y",l000001,ended`,
    ],
  ])('%s', async (_, content) => {
    expect(await rowsOf({ content })).toEqual(enrolled)
  })

  test.each([
    ['learners.xlsx', 'application/vnd.ms-excel'],
    ['', 'application/octet-stream'],
    ['../../etc/passwd', 'text/html'],
    ['ü"\u2028.csv', 'nonsense'],
  ])('whatever its name (%j) and type (%s) say', async (name, type) => {
    expect(await rowsOf({ content: [headers, ...rows].join('\n'), name, type })).toEqual(enrolled)
  })

  test('with a header alone: 204, and a result without rows', async () => {
    expect(await rowsOf({ content: headers })).toEqual({ text: '204', rows: [] })
    expect(await rowsOf({ content: `${headers}\r\n\r\n` })).toEqual({ text: '204', rows: [] })
    expect(await rowsOf({ content: 'course_id,student_key,status\n', course: true })).toEqual({
      text: '204',
      rows: [],
    })
  })

  test('with a key of white space, which is an empty key', async () => {
    expect(await rowsOf({ content: `${headers}\n  ,enrolled\nl000000,enrolled` })).toEqual({
      text: '207',
      rows: [',internal-error', 'l000000,enrolled'],
    })
  })

  test('with formulas, which are data', async () => {
    const formulas = ['=1+1', '+1', '-1', '@SUM(A1)', '=HYPERLINK("http://x";"y")', "=cmd|' /C calc'!A0"]
    const quoted = formulas.map((cell) => (cell.includes('"') ? `"${cell.replaceAll('"', '""')}"` : cell))
    const content = [headers, ...quoted.map((cell) => `${cell},enrolled`)].join('\n')
    const { text, rows: found } = await rowsOf({ content })
    expect([text, found.sort()]).toEqual(['200', quoted.map((cell) => `${cell},enrolled`).sort()])
  })

  test('with statuses that are none, which the learners’ rules judge', async () => {
    expect(await rowsOf({ content: `${headers}\nl000000,nonsense\nl000001,active` })).toEqual({
      text: '422',
      rows: ['l000000,invalid-status', 'l000001,invalid-status'],
    })
  })

  test('with 1,000 columns', async () => {
    const further = Array.from({ length: 998 }, (_, number) => `c${number}`)
    const content = [`${further},${headers}`, ...rows.map((row) => `${further.map(() => 'x')},${row}`)].join(
      '\n',
    )
    expect(await rowsOf({ content })).toEqual(enrolled)
  })
})

type Refusal = { what: string; file: string | Uint8Array<ArrayBuffer>; says: string | RegExp }

const missing = (...names: string[]) =>
  new RegExp(`^CSV is missing headers \\[(?=.*])(?:${names.join('|')}|, )+\\]$`)
const missingData = (row: number, ...names: string[]) =>
  `CSV is missing data at row #${row}. Required fields are [${names.join(', ')}].`
const atRow = (row: number) => missingData(row, 'student_key', 'status')

const refused: Refusal[] = [
  { what: 'nothing in it', file: '', says: missing('student_key', 'status') },
  { what: 'blank lines only', file: '\r\n\r\n', says: missing('student_key', 'status') },
  { what: 'a byte order mark only', file: '\ufeff', says: missing('student_key', 'status') },
  { what: 'one header missing', file: 'student_key\na', says: missing('status') },
  {
    what: 'a header spelled otherwise',
    file: 'student-key,status\na,enrolled',
    says: missing('student_key'),
  },
  { what: 'semicolons', file: 'student_key;status\na;enrolled', says: missing('student_key', 'status') },
  { what: 'no header', file: 'a,enrolled', says: missing('student_key', 'status') },
  { what: 'an empty cell', file: `${headers}\na,enrolled\n,enrolled`, says: atRow(2) },
  { what: 'a row too short', file: `${headers}\na`, says: atRow(1) },
  { what: 'a row too long', file: `${headers}\na,enrolled,x`, says: atRow(1) },
  {
    what: 'blank lines, which do not count as rows',
    file: `\n${headers}\n\na,enrolled\n\n\nb,`,
    says: atRow(2),
  },
  { what: 'a row of commas', file: `${headers}\na,enrolled\n,`, says: atRow(2) },
  { what: 'text in latin-1', file: latin1(`${headers}\nZoë,enrolled`), says: 'CSV is not encoded in UTF-8' },
  {
    what: 'text in UTF-16',
    file: Uint8Array.from(Buffer.from(`\ufeff${headers}\na,enrolled`, 'utf16le')),
    says: 'CSV is not encoded in UTF-8',
  },
  {
    what: 'bytes that are cut off',
    file: Uint8Array.from([...Buffer.from(`${headers}\na,`), 0xc3]),
    says: 'CSV is not encoded in UTF-8',
  },
  { what: 'NUL', file: `${headers}\na\0b,enrolled`, says: 'CSV contains a NUL character' },
  {
    what: 'a quote that is never closed',
    file: `${headers}\n"a,enrolled\nb,ended\n`,
    says: 'CSV has a quoted field that is never closed',
  },
  {
    what: 'a quote that is never closed in its header',
    file: `"${headers}\na,enrolled`,
    says: 'CSV has a quoted field that is never closed',
  },
  { what: 'one cell of 5 MiB', file: 'x'.repeat(5_242_880), says: /^CSV has a row longer than 131072 bytes/ },
  {
    what: 'one quoted cell of 5 MiB',
    file: `${headers}\n"${'x'.repeat(5_242_000)}",enrolled`,
    says: /^CSV has a row longer than 131072 bytes/,
  },
  { what: '100,000 columns', file: ','.repeat(100_000), says: 'CSV has more than 2000 columns' },
  { what: '5 MiB of commas', file: ','.repeat(5_242_880), says: /^CSV/ },
  { what: '5 MiB of quotes', file: '"'.repeat(5_242_880), says: /^CSV/ },
  { what: '5 MiB of line ends', file: '\n'.repeat(5_242_880), says: missing('student_key', 'status') },
]

describe('a file is refused for', () => {
  test.each(refused.map((each) => [each.what, each] as const))('%s', async (_, { file: content, says }) => {
    const { status, body } = await ask(scene, request({ content }))
    expect([status, body]).toEqual([400, [typeof says === 'string' ? says : expect.stringMatching(says)]])
  })

  test.each([
    [false, 'student_key,status', 'a,enrolled', ['student_key', 'status']],
    [true, 'course_id,student_key,status', 'c,a,active', ['course_id', 'student_key', 'status']],
  ])('each header and cell of its own (course: %s)', async (course, header, row, names) => {
    for (const [at, name] of names.entries()) {
      const without = (line: string) => line.split(',').toSpliced(at, 1).join(',')
      const noHeader = await ask(scene, request({ content: `${without(header)}\n${without(row)}`, course }))
      expect([noHeader.status, noHeader.body]).toEqual([400, [`CSV is missing headers [${name}]`]])
      const noCell = await ask(
        scene,
        request({ content: `${header}\n${row.split(',').with(at, '').join(',')}`, course }),
      )
      expect([noCell.status, noCell.body]).toEqual([400, [missingData(1, ...names)]])
    }
  })

  test('a course_staff that is missing while its flag is on, naming it too', async () => {
    const content = 'course_id,student_key,status,course_staff\n{external},l000000,active'
    const { status, body } = await ask(scene, request({ content, course: true, as: 'instructor' }))
    expect([status, body]).toEqual([
      400,
      [missingData(1, 'course_id', 'student_key', 'status', 'course_staff')],
    ])
  })

  test('nothing, when it was refused: no job, no lock', async () => {
    for (const { file: content } of refused.slice(0, 6))
      await ask(scene, request({ content, as: 'programWriter' }))
    const { jobs } = await scene.world.operator.jobs.listJobs({ pageSize: 1_000 })
    expect(jobs.filter(({ username }) => username === scene.cast.username('programWriter'))).toEqual([])
    expect((await rowsOf({ content: [headers, ...rows].join('\n'), as: 'programWriter' })).text).toBe('200')
  })
})
