import { decodePageToken, encodePageToken } from '#kit/page.ts'
import type { Slice, Stored } from '../../store/statements.ts'
import type { Batch, Reading } from '../backend.ts'

const batchSize = 1_000

/**
 * Walks a list in batches. Each is a statement of its own that starts behind the last row, so that a slow reader holds neither a
 * connection nor a snapshot; the next one runs while the reader works on this one.
 *
 * `list` names what is walked: a token of another list is refused.
 */
export async function* walkRows<Row>(
  list: readonly string[],
  { pageToken, limit, signal }: Pick<Reading, 'pageToken' | 'limit' | 'signal'>,
  fetch: (slice: Slice) => Promise<Stored<Row>[]>,
): AsyncGenerator<Batch<Row>> {
  let left = limit === 0 ? Number.POSITIVE_INFINITY : limit
  // One row more than wanted tells whether there are more.
  const fetchBehind = (after: string) => fetch({ after, count: Math.min(batchSize, left) + 1 })
  let fetched = fetchBehind(positionIn(list, pageToken))
  for (;;) {
    const rows = await fetched
    signal.throwIfAborted()
    const size = Math.min(batchSize, left)
    const hasMore = rows.length > size
    if (hasMore) rows.pop()
    left -= rows.length
    const last = rows.at(-1)?.id ?? '0'
    const goesOn = hasMore && left > 0
    if (goesOn) {
      fetched = fetchBehind(last)
      // Nobody awaits it when the reader leaves.
      fetched.catch(() => {})
    }
    yield { rows, nextPageToken: hasMore ? encodePageToken([...list, last]) : '' }
    if (!goesOn) return
  }
}

function positionIn(list: readonly string[], pageToken: string): string {
  if (pageToken === '') return '0'
  const parts = decodePageToken<string[]>(pageToken, (value) => isPositionIn(list, value))
  return parts.at(-1) as string
}

function isPositionIn(list: readonly string[], value: unknown): boolean {
  return (
    Array.isArray(value) &&
    value.length === list.length + 1 &&
    list.every((part, index) => value[index] === part) &&
    isId(value.at(-1))
  )
}

// Any 18 digits fit into a bigint.
function isId(value: unknown): boolean {
  return typeof value === 'string' && /^\d{1,18}$/.test(value)
}
