import { isUtf8 } from 'node:buffer'
import { pipeline, Readable } from 'node:stream'
import { setImmediate } from 'node:timers/promises'
import { CsvError, parse } from 'csv-parse'
import { DomainError, Reason } from '#kit/errors.ts'
import type { WriteKind } from './job.ts'

/** The largest upload, in bytes. */
export const maximumUploadBytes = 5_242_880

/** One row of an upload. */
export type UploadRow = {
  /** The course run as the uploader named it; only in course uploads. */
  course_id?: string
  student_key: string
  status: string
  /** As written; only when the file has the column and the uploader may use it. */
  course_staff?: string
}

type Field = keyof UploadRow

const longestRow = 131_072
const mostColumns = 2_000
const lineBreaks = ['\r\n', '\n', '\r', '\v', '\f', '\x1c', '\x1d', '\x1e', '\x85', '\u2028', '\u2029']
const anyLineBreak = new RegExp(`[${lineBreaks.slice(1).join('')}]`, 'g')

/**
 * The rows of an uploaded CSV, one after the other.
 *
 * Throws CSV_INVALID, with the text for the partner, at the first thing that breaks a rule; rows before that have been yielded.
 */
export async function* parseUpload(
  content: Uint8Array,
  kind: WriteKind,
  options: { allowCourseStaff: boolean },
): AsyncGenerator<UploadRow> {
  const required: Field[] = [
    ...(kind === 'WriteCourseRunEnrollments' ? (['course_id'] as const) : []),
    'student_key',
    'status',
  ]
  const optional: Field[] =
    kind === 'WriteCourseRunEnrollments' && options.allowCourseStaff ? ['course_staff'] : []
  assertText(content)
  let columns: Columns | undefined
  let number = 0
  for await (const cells of splitIntoCells(content)) {
    if (columns === undefined) {
      columns = findColumns(cells, required, optional)
      continue
    }
    number++
    const row = readRow(cells, columns, required)
    if (row === undefined) {
      const fields = [...required, ...optional].join(', ')
      throw csvInvalid(`CSV is missing data at row #${number}. Required fields are [${fields}].`)
    }
    yield row
  }
  if (columns === undefined) throw missingHeaders(required)
}

type Columns = { count: number; positions: Map<Field, number> }

function findColumns(cells: string[], required: Field[], optional: Field[]): Columns {
  if (cells.length > mostColumns) throw csvInvalid(`CSV has more than ${mostColumns} columns`)
  const names = cells.map((cell) => clean(cell).toLowerCase())
  const missing = required.filter((field) => !names.includes(field))
  if (missing.length > 0) throw missingHeaders(missing)
  const present = [...required, ...optional].filter((field) => names.includes(field))
  return {
    count: cells.length,
    positions: new Map(present.map((field) => [field, names.lastIndexOf(field)])),
  }
}

// Emptiness is judged before white space is taken off, so a key of spaces passes as an empty one.
function readRow(cells: string[], { count, positions }: Columns, required: Field[]): UploadRow | undefined {
  if (cells.length > count) return undefined
  const row: Partial<UploadRow> = {}
  for (const [field, position] of positions) {
    const cell = cells[position]?.replaceAll(anyLineBreak, '')
    if (cell === undefined || (cell === '' && required.includes(field))) return undefined
    row[field] = cell.trim()
  }
  return row as UploadRow
}

function assertText(content: Uint8Array): void {
  if (!isUtf8(content)) throw csvInvalid('CSV is not encoded in UTF-8')
  if (content.includes(0)) throw csvInvalid('CSV contains a NUL character')
}

async function* splitIntoCells(content: Uint8Array): AsyncGenerator<string[]> {
  const parser = parse({
    bom: true,
    record_delimiter: lineBreaks,
    relax_column_count: true,
    // A quote inside a cell that does not start with one is data.
    relax_quotes: true,
    skip_empty_lines: true,
    max_record_size: longestRow,
  })
  // The iterator below reports the errors.
  pipeline(Readable.from(slicesOf(content, 65_536)), parser, () => {})
  try {
    yield* parser as AsyncIterable<string[]>
  } catch (error) {
    throw error instanceof CsvError ? csvInvalid(sentenceOf(error)) : error
  }
}

// With a pause after each piece, so that a large file does not keep the process from everything else.
async function* slicesOf(content: Uint8Array, size: number): AsyncGenerator<Uint8Array> {
  for (let start = 0; start < content.length; start += size) {
    yield content.subarray(start, start + size)
    await setImmediate()
  }
}

function sentenceOf(error: CsvError): string {
  const { lines } = error as CsvError & { lines?: number }
  switch (error.code) {
    case 'CSV_QUOTE_NOT_CLOSED':
      return 'CSV has a quoted field that is never closed'
    case 'CSV_MAX_RECORD_SIZE':
      return `CSV has a row longer than ${longestRow} bytes near line ${lines}`
    default:
      return `CSV cannot be read near line ${lines}`
  }
}

function clean(cell: string): string {
  return cell.replaceAll(anyLineBreak, '').trim()
}

function missingHeaders(fields: readonly string[]): DomainError {
  return csvInvalid(`CSV is missing headers [${fields.join(', ')}]`)
}

function csvInvalid(text: string): DomainError {
  return new DomainError(Reason.CSV_INVALID, text)
}

/** An uploaded CSV as the object that it is kept in, a JSON array of its rows, and how many there were when all were taken. */
export function createUpload(...upload: Parameters<typeof parseUpload>) {
  let count = 0
  async function* write(): AsyncGenerator<string> {
    let text = '['
    for await (const row of parseUpload(...upload)) {
      text += `${count++ === 0 ? '\n' : ',\n'}${JSON.stringify(row)}`
      if (text.length < 65_536) continue
      yield text
      text = ''
    }
    yield `${text}\n]`
  }
  return { chunks: write(), rowCount: () => count }
}
