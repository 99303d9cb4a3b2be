import { setTimeout as sleep } from 'node:timers/promises'
import { type BindOrReplacements, QueryTypes, type Sequelize } from 'sequelize'
import { DomainError, Reason } from '#kit/errors.ts'

/** What a row is found by when reading goes on behind it; ascends in the order in which the rows of a list were made. */
export type Stored<Row> = Row & { readonly id: string }

/** Which rows of a list to read: those behind the one with this id. */
export type Slice = { readonly after: string; readonly count: number }

type Bind = Extract<BindOrReplacements, Record<string, unknown>>

export function readRows<Row extends object>(
  database: Sequelize,
  statement: string,
  bind: Bind,
): Promise<Row[]> {
  return database.query<Row>(statement, { bind, type: QueryTypes.SELECT })
}

/**
 * Runs one statement that writes many rows, once more when another writer got in its way. UNAVAILABLE when that goes on.
 *
 * A unique violation is such a case: `on conflict` minds one constraint, and a rival may have come first on another. The next try
 * sees the rival's row.
 */
export async function writeRows<Row extends object>(
  database: Sequelize,
  statement: string,
  bind: Bind,
): Promise<Row[]> {
  for (let attempt = 1; ; attempt++) {
    try {
      return await readRows<Row>(database, statement, bind)
    } catch (error) {
      if (!isContention(error)) throw error
      if (attempt === maximumAttempts) {
        throw new DomainError(Reason.UNAVAILABLE, 'others are writing the same enrollments', {
          retryAfterSeconds: 1,
          cause: error,
        })
      }
      await sleep(Math.random() * 20 * attempt)
    }
  }
}

const maximumAttempts = 8
// serialization_failure, deadlock_detected, unique_violation
const contentionStates = new Set(['40001', '40P01', '23505'])

function isContention(error: unknown): boolean {
  const original = error instanceof Error && 'original' in error ? error.original : undefined
  return original instanceof Error && 'code' in original && contentionStates.has(String(original.code))
}

/**
 * Makes writers who add rows to one list take turns, until they commit.
 *
 * Ids are handed out before rows can be seen. Without turns a row could appear behind the back of a reader who is past its id, and
 * a page token would lead past it for ever.
 */
export function turnOf(list: string): string {
  return `turn as materialized (select pg_advisory_xact_lock(hashtextextended(${list}, 0)))`
}
