import type { ReadKind, ResultFormat } from './job.ts'

/** The bytes of a result around and between its rows. */
export type RowWriter<Row> = {
  /** What comes before the first row. */
  opening: string
  /** Some rows, of which the first is the first of all or not. */
  writeRows(rows: readonly Row[], isFirst: boolean): string
  /** What comes behind the last row. */
  closing: string
}

export type ProgramRow = {
  studentKey: string
  status: string
  accountExists: boolean
  username: string
  email: string
}
export type CourseRow = {
  courseId: string
  studentKey: string
  status: string
  accountExists: boolean
  courseStaff: boolean
}
export type GradeRow = {
  studentKey: string
  outcome:
    | { case: 'grade'; value: { letterGrade?: string; percent: string; passed: boolean } }
    | { case: 'error'; value: string }
    | { case: undefined; value?: undefined }
}

/** A row of any kind of job; the kind tells which. */
export type Row = ProgramRow | CourseRow | GradeRow

/** One kind of row: its value in JSON, and its cells in CSV. */
type Layout<Row> = {
  columns: readonly string[]
  toObject(row: Row): Record<string, unknown>
  toCells(row: Row): string[]
}

/** How a read job's rows are written. */
export function rowWriterOf(options: {
  kind: ReadKind
  format: ResultFormat
  includeAccounts: boolean
  includeCourseStaff: boolean
}): RowWriter<Row> {
  // A job's rows are of the one kind that its layout is for.
  const layout = layoutOf(options) as Layout<Row>
  return options.format === 'json' ? jsonWriterOf(layout) : csvWriterOf(layout)
}

function layoutOf({ kind, includeAccounts, includeCourseStaff }: Parameters<typeof rowWriterOf>[0]): unknown {
  switch (kind) {
    case 'ListProgramEnrollments':
      return includeAccounts ? programWithAccounts : program
    case 'ListCourseRunEnrollments':
    case 'ListAllCourseRunEnrollments':
      return includeCourseStaff ? courseWithStaff : course
    case 'GetCourseRunGrades':
      return grade
  }
}

const program: Layout<ProgramRow> = {
  columns: ['student_key', 'status', 'account_exists'],
  toObject: (row) => ({
    account_exists: row.accountExists,
    status: row.status,
    student_key: row.studentKey.trim(),
  }),
  toCells: (row) => [row.studentKey.trim(), row.status, booleanCell(row.accountExists)],
}

const programWithAccounts: Layout<ProgramRow> = {
  columns: [...program.columns, 'username', 'email'],
  toObject: (row) => ({
    account_exists: row.accountExists,
    email: row.email,
    status: row.status,
    student_key: row.studentKey.trim(),
    username: row.username,
  }),
  toCells: (row) => [...program.toCells(row), row.username, row.email],
}

const course: Layout<CourseRow> = {
  columns: ['course_id', 'student_key', 'status', 'account_exists'],
  toObject: (row) => ({
    course_id: row.courseId,
    student_key: row.studentKey.trim(),
    status: row.status,
    account_exists: row.accountExists,
  }),
  toCells: (row) => [row.courseId, row.studentKey.trim(), row.status, booleanCell(row.accountExists)],
}

const courseWithStaff: Layout<CourseRow> = {
  columns: [...course.columns, 'course_staff'],
  toObject: (row) => ({ ...course.toObject(row), course_staff: row.courseStaff }),
  toCells: (row) => [...course.toCells(row), booleanCell(row.courseStaff)],
}

const grade: Layout<GradeRow> = {
  columns: ['student_key', 'letter_grade', 'percent', 'passed', 'error'],
  toObject: ({ studentKey, outcome }) => {
    const student = studentKey.trim()
    if (outcome.case !== 'grade') {
      return { student_key: student, letter_grade: null, error: outcome.value ?? '' }
    }
    const { letterGrade, percent, passed } = outcome.value
    return { student_key: student, letter_grade: letterGrade ?? null, percent, passed }
  },
  toCells: ({ studentKey, outcome }) => {
    const student = studentKey.trim()
    if (outcome.case !== 'grade') return [student, '', '', '', outcome.value ?? '']
    const { letterGrade, percent, passed } = outcome.value
    return [student, letterGrade ?? '', percent, booleanCell(passed), '']
  },
}

function jsonWriterOf<Row>(layout: Layout<Row>): RowWriter<Row> {
  return {
    opening: '[',
    writeRows(rows, isFirst) {
      let text = ''
      for (const row of rows) {
        text += `${isFirst && text === '' ? '\n' : ',\n'}${JSON.stringify(layout.toObject(row))}`
      }
      return text
    },
    closing: ']',
  }
}

function csvWriterOf<Row>(layout: Layout<Row>): RowWriter<Row> {
  return {
    opening: csvLine(layout.columns),
    writeRows: (rows) => {
      let text = ''
      for (const row of rows) text += csvLine(layout.toCells(row))
      return text
    },
    closing: '',
  }
}

/** A line of CSV: quotes only where they are needed, CRLF at the end. */
export function csvLine(cells: readonly string[]): string {
  return `${cells.map(quoteWhereNeeded).join(',')}\r\n`
}

function quoteWhereNeeded(cell: string): string {
  return /[",\r\n]/.test(cell) ? `"${cell.replaceAll('"', '""')}"` : cell
}

function booleanCell(value: boolean): string {
  return value ? 'True' : 'False'
}
