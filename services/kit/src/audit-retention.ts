import type { Duration } from '@bufbuild/protobuf/wkt'
import { DomainError, Reason } from './errors.ts'

/** Nothing younger is ever removed from an audit trail: the tables themselves see to it. */
export const keptAtLeastDays = 30

/** How old, in seconds, an event must be to be removed. INVALID_ARGUMENT unless it is 30 days at least. */
export function readRetention(olderThan: Duration | undefined): number {
  const seconds = Number(olderThan?.seconds ?? 0n)
  // Longer ago than a million days is no date to PostgreSQL.
  if (seconds >= keptAtLeastDays * 86_400 && seconds <= 1_000_000 * 86_400) return seconds
  const description = `must be ${keptAtLeastDays} days at least`
  throw new DomainError(Reason.INVALID_ARGUMENT, `older_than ${description}`, {
    fields: [{ field: 'older_than', description }],
  })
}
