/** Rows in the order in which they were made, each found by its student key. Rows are never removed. */
export class EnrollmentList<Row extends { student_key: string }> {
  readonly rows: Row[] = []
  readonly #byStudent = new Map<string, Row>()

  find(studentKey: string): Row | undefined {
    return this.#byStudent.get(studentKey)
  }

  add(row: Row): Row {
    this.rows.push(row)
    this.#byStudent.set(row.student_key, row)
    return row
  }
}

/** Some rows of a list, with links to what is around them. */
export type Page<Row> = { next: string | null; previous: string | null; results: Row[] }

/** The cursor is none that this list has given. */
export class CursorError extends Error {}

const defaultPageSize = 100

/**
 * A page by cursor: opaque, stable while rows are added, without a largest size. `url` is the request's own, absolute; links keep its
 * other parameters. A page size that is no positive number counts as none.
 */
export function pageByCursor<Row>(rows: readonly Row[], url: URL): Page<Row> {
  const asked = url.searchParams.get('page_size') ?? ''
  const size = /^[1-9]\d{0,8}$/.test(asked) ? Number(asked) : defaultPageSize
  const cursor = readCursor(url.searchParams.get('cursor'))
  const end = cursor.isReverse ? cursor.position : Math.min(cursor.position + size, rows.length)
  const start = cursor.isReverse ? Math.max(0, end - size) : cursor.position
  const link = (position: number, isReverse: boolean) => {
    const target = new URL(url)
    target.searchParams.set('cursor', writeCursor({ position, isReverse }))
    return target.href
  }
  return {
    next: end < rows.length ? link(end, false) : null,
    previous: start > 0 ? link(start, true) : null,
    results: rows.slice(start, end),
  }
}

type Cursor = { position: number; isReverse: boolean }

// The position that the LMS has is an id; here, where nothing is removed, it is the number of rows before it.
function writeCursor({ position, isReverse }: Cursor): string {
  return Buffer.from(`${isReverse ? 'r=1&' : ''}p=${position}`).toString('base64')
}

function readCursor(text: string | null): Cursor {
  if (text === null) return { position: 0, isReverse: false }
  const [, reverse, position] =
    /^(r=1&)?p=(\d{1,12})$/.exec(Buffer.from(text, 'base64').toString('latin1')) ?? []
  if (position === undefined) throw new CursorError('Invalid cursor')
  return { position: Number(position), isReverse: reverse !== undefined }
}

/** A page by number or by offset, as Discovery has them: 20 rows unless more are asked for, 100 at most. */
export function pageByNumber<Row>(rows: readonly Row[], url: URL): Page<Row> & { count: number } {
  const number = (name: string, fallback: number) => {
    const text = url.searchParams.get(name) ?? ''
    return /^\d{1,9}$/.test(text) ? Number(text) : fallback
  }
  const isByPage = url.searchParams.has('page') || url.searchParams.has('page_size')
  const size = Math.min(100, Math.max(1, number(isByPage ? 'page_size' : 'limit', 20)))
  const start = isByPage ? (Math.max(1, number('page', 1)) - 1) * size : number('offset', 0)
  const link = (from: number) => {
    const target = new URL(url)
    if (isByPage) target.searchParams.set('page', String(from / size + 1))
    else target.searchParams.set('limit', String(size))
    if (!isByPage) target.searchParams.set('offset', String(from))
    return target.href
  }
  return {
    count: rows.length,
    next: start + size < rows.length ? link(start + size) : null,
    previous: start > 0 ? link(Math.max(0, start - size)) : null,
    results: rows.slice(start, start + size),
  }
}
