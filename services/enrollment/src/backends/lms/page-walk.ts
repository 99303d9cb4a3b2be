import { decodePageToken, encodePageToken } from '#kit/page.ts'
import type { Batch, Reading } from '../backend.ts'
import { isPosition, type List, type Page, type PageFetcher, type Position } from './page-fetch.ts'

const largestBatch = 1_000

/** A place in a list: so many rows behind the beginning of a page. */
type Place = { position: Position; skip: number }

/**
 * Walks a list of the LMS page by page; the next page is fetched while the reader works on this one.
 *
 * A token holds what the LMS calls the beginning of a page and how many of its rows were read, so it stays good whatever size pages
 * have then. It names the list: a token of another one is refused.
 */
export async function* walkPages<Row>(
  fetchPage: PageFetcher,
  list: List<Row>,
  { pageToken, limit, signal, requestId }: Reading,
  pageSize: number,
): AsyncGenerator<Batch<Row>> {
  let left = limit === 0 ? Number.POSITIVE_INFINITY : limit
  let place = placeIn(list.names, pageToken)
  const fetchFrom = ({ position, skip }: Place, isFromCaller: boolean) =>
    fetchPage(list, { position, size: Math.min(pageSize, skip + left), isFromCaller, signal, requestId })

  let fetched = fetchFrom(place, pageToken !== '')
  for (;;) {
    const page = await fetched
    signal.throwIfAborted()
    const from = Math.min(place.skip, page.rows.length)
    const to = Math.min(page.rows.length, from + left)
    left -= to - from
    const next = page.next && { position: page.next, skip: place.skip - from }
    const goesOn = next !== undefined && left > 0
    if (goesOn) {
      fetched = fetchFrom(next, false)
      // Nobody awaits it when the reader leaves.
      fetched.catch(() => {})
    }
    for (const batch of batchesOf(list.names, page, place.position, { from, to })) {
      signal.throwIfAborted()
      yield batch
    }
    if (!goesOn) return
    place = next
  }
}

/** Rows of a page as batches, each with the token of the place behind it. A last page without rows is one batch. */
function* batchesOf<Row>(
  names: readonly string[],
  { rows, next }: Page<Row>,
  position: Position,
  { from, to }: { from: number; to: number },
): Generator<Batch<Row>> {
  if (from === to && next === undefined) yield { rows: [], nextPageToken: '' }
  for (let start = from; start < to; start += largestBatch) {
    const end = Math.min(to, start + largestBatch)
    const behind = end < rows.length ? { position, skip: end } : next && { position: next, skip: 0 }
    yield { rows: rows.slice(start, end), nextPageToken: behind ? tokenOf(names, behind) : '' }
  }
}

function tokenOf(names: readonly string[], { position, skip }: Place): string {
  return encodePageToken([...names, position, skip])
}

function placeIn(names: readonly string[], pageToken: string): Place {
  if (pageToken === '') return { position: {}, skip: 0 }
  const parts = decodePageToken<unknown[]>(pageToken, (value) => isPlaceIn(names, value))
  return { position: parts.at(-2) as Position, skip: parts.at(-1) as number }
}

function isPlaceIn(names: readonly string[], value: unknown): boolean {
  return (
    Array.isArray(value) &&
    value.length === names.length + 2 &&
    names.every((name, index) => value[index] === name) &&
    isPosition(value.at(-2)) &&
    Number.isSafeInteger(value.at(-1)) &&
    value.at(-1) >= 0
  )
}
