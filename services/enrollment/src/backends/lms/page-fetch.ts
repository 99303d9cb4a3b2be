import { DomainError, Reason } from '#kit/errors.ts'
import type { Upstream } from '#kit/upstream.ts'
import { readObject } from './fields.ts'
import { invalidData, readRefused, type Subject } from './refusals.ts'
import { FieldFault, type RowReader } from './rows.ts'

/** A list of the LMS, and how its rows are read. */
export type List<Row> = {
  /** What it is to metrics: `list_…`. */
  operation: string
  /** Its names in page tokens. */
  names: readonly string[]
  subject: Subject
  path: string
  programUuid: string
  readRow: RowReader<Row>
}

/** Where a page begins: the parameters that say so in a link of the LMS; none for the first. */
export type Position = Readonly<Record<string, string>>

/** A page of rows, and where the next one begins unless it is the last. */
export type Page<Row> = { rows: Row[]; next: Position | undefined }

export type PageRequest = {
  position: Position
  size: number
  /** Whether the position comes from a caller, who can make one up. */
  isFromCaller: boolean
  signal: AbortSignal
  requestId: string
}

export type PageFetcher = <Row>(list: List<Row>, request: PageRequest) => Promise<Page<Row>>

// What else a link holds is not ours to repeat: of its address nothing, so that it cannot lead our token elsewhere.
const placeNames = ['cursor', 'offset', 'page']
const longestPlace = 1_000

/** Fetches pages from the LMS, of its own size from when on it has refused ours. */
export function createPageFetcher(lms: Upstream): PageFetcher {
  let takesSizes = true

  return async (list, { position, size, isFromCaller, signal, requestId }) => {
    const fetch = (sizing: Record<string, string>) =>
      lms.call({
        operation: list.operation,
        method: 'GET',
        path: list.path,
        query: { ...sizing, ...position },
        signal,
        requestId,
        key: list.programUuid,
        accept: [400, 404, 422],
      })
    let answer = await fetch(takesSizes ? { page_size: String(size) } : {})
    if (answer.status === 400 && takesSizes) {
      answer = await fetch({})
      if (answer.status !== 400) takesSizes = false
    }
    if (answer.status === 404 && isFromCaller && isInvalidCursor(answer.body)) throw invalidPosition()
    if (answer.status === 400 || answer.status === 404) {
      throw readRefused(list.subject, answer.status, list.path)
    }
    return answer.status === 204 ? { rows: [], next: undefined } : readPage(list, answer.body, position)
  }
}

function isInvalidCursor(body: unknown): boolean {
  const told = readObject(body)
  return told?.detail !== undefined && told.error_code === undefined
}

function invalidPosition(): DomainError {
  const description = 'is not one that this call handed out'
  return new DomainError(Reason.PAGE_TOKEN_INVALID, `page_token ${description}`, {
    fields: [{ field: 'page_token', description }],
  })
}

function readPage<Row>({ subject, readRow }: List<Row>, body: unknown, position: Position): Page<Row> {
  const { results, next } = readObject(body) ?? {}
  if (!Array.isArray(results)) throw invalidData(subject, 'a page has no list of results')
  const rows = results.map((row, index) => {
    try {
      return readRow(row)
    } catch (error) {
      if (!(error instanceof FieldFault)) throw error
      throw invalidData(subject, `row ${index + 1} of a page ${error.message}`)
    }
  })
  if (next === undefined || next === null) return { rows, next: undefined }
  const nextPosition = typeof next === 'string' ? positionIn(next) : undefined
  if (nextPosition === undefined) throw invalidData(subject, 'the link to the next page leads nowhere')
  if (JSON.stringify(nextPosition) === JSON.stringify(position)) {
    throw invalidData(subject, 'the link to the next page leads to the same page')
  }
  return { rows, next: nextPosition }
}

/** Undefined when the link names no place. */
function positionIn(link: string): Position | undefined {
  const parameters = URL.parse(link, 'http://lms')?.searchParams
  const places = placeNames.flatMap((name) => {
    const value = parameters?.get(name)
    return value === undefined || value === null ? [] : [[name, value]]
  })
  // The number of a page says nothing without its size.
  const size = parameters?.has('page') ? parameters.get('page_size') : null
  if (typeof size === 'string') places.push(['page_size', size])
  const position = Object.fromEntries(places) as Record<string, string>
  return places.length > 0 && isPosition(position) ? position : undefined
}

/** Whether a value can be where a page begins. */
export function isPosition(value: unknown): value is Position {
  const position = readObject(value)
  return (
    position !== undefined &&
    Object.entries(position).every(
      ([name, place]) =>
        [...placeNames, 'page_size'].includes(name) &&
        typeof place === 'string' &&
        place.length <= longestPlace,
    )
  )
}
