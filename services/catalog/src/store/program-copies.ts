import { QueryTypes, type Sequelize, type Transaction } from 'sequelize'
import type { CopiedDetails } from '../domain/discovery-program.ts'
import type { Moments } from '../domain/freshness.ts'
import { foldCase } from '../domain/program.ts'

/** Why an attempt was in vain: Discovery has no such program, or did not answer. */
export type Failure = 'missing' | 'failed'

/**
 * Keeps the copies of what Discovery tells of programs.
 *
 * Of all processes one at a time fetches a program: the one that claimed it. What comes from a claim that was lost meanwhile,
 * because it ran out or the copy was flushed, is not kept.
 */
export type ProgramCopyStore = {
  /** Takes those of the programs that are still due and that nobody else is fetching; returns them. */
  claim(programIds: readonly string[], claim: string, moments: Moments): Promise<string[]>
  /** Those of the programs that somebody is fetching. */
  listClaimed(programIds: readonly string[], moments: Moments): Promise<string[]>
  /** Takes the place of what was known of the programs. */
  save(claim: string, copies: ReadonlyMap<string, CopiedDetails>, moments: Moments): Promise<void>
  /** Notes an attempt in vain; what was known stays. */
  fail(claim: string, programIds: readonly string[], failure: Failure, moments: Moments): Promise<void>
  /** Gives back what the claim still holds, as if nothing had been tried. */
  release(claim: string): Promise<void>
  /** Makes the copy of one program, or all copies, due. */
  flush(programId: string | undefined): Promise<void>
}

/** SQL for when the details are due, given the numbers of the parameters that hold `freshSince` and `negativeSince`. */
export function dueExpression(freshSince: string, negativeSince: string): string {
  return `case when d.failed_at >= ${negativeSince} then null
    when d.fetched_at is null or d.fetched_at = '-infinity' then 'now'
    when d.fetched_at < ${freshSince} then 'soon' end`
}

export function createProgramCopyStore(sequelize: Sequelize): ProgramCopyStore {
  async function read(statement: string, bind: Record<string, unknown>): Promise<string[]> {
    const rows = await sequelize.query<{ programId: string }>(statement, { bind, type: QueryTypes.SELECT })
    return rows.map(({ programId }) => programId)
  }

  return {
    claim: (programIds, claim, { now, freshSince, negativeSince, claimedUntil }) =>
      read(claimStatement, { programIds, claim, now, freshSince, negativeSince, claimedUntil }),

    listClaimed: (programIds, { now }) => read(claimedStatement, { programIds, now }),

    async save(claim, copies, { now }) {
      const entries = [...copies]
      const details = {
        programIds: entries.map(([id]) => id),
        titles: entries.map(([, { title }]) => title),
        foldedTitles: entries.map(([, { title }]) => (title === null ? null : foldCase(title))),
        urls: entries.map(([, { url }]) => url),
        types: entries.map(([, { type }]) => type),
        curricula: entries.map(([, copy]) => copy.activeCurriculumUuid),
      }
      await sequelize.transaction(async (transaction) => {
        const saved = await sequelize.query<{ programId: string }>(saveStatement, {
          bind: { ...details, claim, now },
          type: QueryTypes.SELECT,
          transaction,
        })
        const ids = new Set(saved.map(({ programId }) => programId))
        await replaceCourseRuns(
          sequelize,
          entries.filter(([id]) => ids.has(id)),
          transaction,
        )
      })
    },

    async fail(claim, programIds, failure, { now }) {
      await read(failStatement, { claim, programIds, failure, now })
    },

    async release(claim) {
      await read(releaseStatement, { claim })
    },

    async flush(programId) {
      await read(flushStatement, { programId: programId ?? null })
    },
  }
}

async function replaceCourseRuns(
  sequelize: Sequelize,
  copies: readonly (readonly [string, CopiedDetails])[],
  transaction: Transaction,
): Promise<void> {
  const programIds = copies.map(([id]) => id)
  const options = { type: QueryTypes.SELECT, transaction } as const
  await sequelize.query('delete from course_runs where program_id = any($programIds::uuid[])', {
    bind: { programIds },
    ...options,
  })
  const runs = copies.flatMap(([programId, { courseRuns }]) =>
    courseRuns.map((run, index) => ({ programId, position: index + 1, ...run })),
  )
  if (runs.length === 0) return
  const bind = {
    programIds: runs.map(({ programId }) => programId),
    positions: runs.map(({ position }) => position),
    keys: runs.map(({ key }) => key),
    externalKeys: runs.map(({ externalKey }) => externalKey),
    titles: runs.map(({ title }) => title),
    urls: runs.map(({ url }) => url),
  }
  await sequelize.query(insertRunsStatement, { bind, ...options })
}

// In the order of ids, so that two processes that claim the same programs cannot wait for each other.
const claimStatement = `
  insert into program_details as d (program_id, claim, claimed_until)
  select id, $claim::uuid, $claimedUntil::timestamptz from programs where id = any($programIds::uuid[]) order by id
  on conflict (program_id) do update set claim = excluded.claim, claimed_until = excluded.claimed_until
  where (d.claimed_until is null or d.claimed_until < $now::timestamptz)
    and ${dueExpression('$freshSince::timestamptz', '$negativeSince::timestamptz')} is not null
  returning program_id as "programId"`

const claimedStatement = `
  select program_id as "programId" from program_details
  where program_id = any($programIds::uuid[]) and claimed_until >= $now::timestamptz`

const released = 'claim = null, claimed_until = null'

const saveStatement = `
  update program_details d
  set title = n.title, folded_title = n.folded_title, url = n.url, type = n.type,
    active_curriculum_uuid = n.curriculum, fetched_at = $now::timestamptz, failed_at = null, failure = null, ${released}
  from unnest($programIds::uuid[], $titles::text[], $foldedTitles::text[], $urls::text[], $types::text[], $curricula::uuid[])
    as n(program_id, title, folded_title, url, type, curriculum)
  where d.program_id = n.program_id and d.claim = $claim::uuid
  returning d.program_id as "programId"`

const insertRunsStatement = `
  insert into course_runs (program_id, position, key, external_key, title, url)
  select * from unnest($programIds::uuid[], $positions::int[], $keys::text[], $externalKeys::text[], $titles::text[], $urls::text[])`

const failStatement = `
  update program_details set failed_at = $now::timestamptz, failure = $failure::text, ${released}
  where program_id = any($programIds::uuid[]) and claim = $claim::uuid`

const releaseStatement = `update program_details set ${released} where claim = $claim::uuid`

// A copy that was never made stays one; of the others it is kept what stands in for Discovery while it is away.
const flushStatement = `
  update program_details
  set fetched_at = case when fetched_at is not null then '-infinity'::timestamptz end, failed_at = null, failure = null, ${released}
  where $programId::uuid is null or program_id = $programId::uuid`
