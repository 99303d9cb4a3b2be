import type { Batch } from './backend.ts'

/** All that a reading with a limit yields, as one batch. */
export async function collectPage<Row>(batches: AsyncIterable<Batch<Row>>): Promise<Batch<Row>> {
  const rows: Row[] = []
  let nextPageToken = ''
  for await (const batch of batches) {
    rows.push(...batch.rows)
    nextPageToken = batch.nextPageToken
  }
  return { rows, nextPageToken }
}
