import { QueryTypes, type Sequelize, UniqueConstraintError } from 'sequelize'
import { DomainError, Reason } from '#kit/errors.ts'
import type { Ending } from '../domain/ending.ts'
import type { Job, JobState } from '../domain/job.ts'

/** How a job stands for those who compare it with Temporal. */
export type Standpoint = {
  id: string
  state: JobState
  /** The run of its workflow that ended it; null while it is open, and when it was ended for good. */
  endedRunId: string | null
  /** Since when it has ended; 0 while it is open. */
  endedSecondsAgo: number
}

/** How an ended job can be opened again: by a run of its workflow that is newer than the one that ended it. */
export function createJobEndings(sequelize: Sequelize) {
  const update = (statement: string, bind: unknown[]) =>
    sequelize.query<{ id: string }>(statement, { bind, type: QueryTypes.SELECT })

  async function endWhere(
    condition: string,
    [id, runId, ending]: [string, string, Ending],
    ...more: string[]
  ): Promise<boolean> {
    const failure = ending.state === 'FAILED' ? ending.failure : undefined
    const ended = await update(
      `update jobs set state = $3, failure_reason = $4, failure_message = $5, ended_run_id = $2,
         ended_at = clock_timestamp(), updated_at = clock_timestamp()
       where id = $1 and ${condition} returning id`,
      [id, runId, ending.state, failure?.reason ?? null, failure?.message ?? null, ...more],
    )
    return ended.length > 0
  }

  return {
    /** How these jobs stand; without those that there are not. */
    findStandpoints(ids: readonly string[]): Promise<Standpoint[]> {
      return sequelize.query<Standpoint>(
        `select id, state, ended_run_id as "endedRunId",
           coalesce(extract(epoch from clock_timestamp() - ended_at), 0)::float8 as "endedSecondsAgo"
         from jobs where id = any($1::uuid[])`,
        { bind: [[...ids]], type: QueryTypes.SELECT },
      )
    },

    /**
     * Opens a job again that an earlier run ended, as if it had just been accepted; false when there is none such. WRITE_IN_PROGRESS
     * for a write while another one of the program is open.
     */
    async reopen(id: string, runId: string): Promise<boolean> {
      try {
        const opened = await update(
          `update jobs set state = 'PENDING', ended_at = null, ended_run_id = null, outcome = null,
             failure_reason = null, failure_message = null, attempt = 0, rows_done = 0,
             updated_at = clock_timestamp(), checked_at = clock_timestamp()
           where id = $1 and state in ('FAILED', 'CANCELED') and ended_run_id <> $2 returning id`,
          [id, runId],
        )
        return opened.length > 0
      } catch (error) {
        if (!(error instanceof UniqueConstraintError)) throw error
        const message = 'Another upload to the program has not ended: reset this one again when it has.'
        throw new DomainError(Reason.WRITE_IN_PROGRESS, message, { cause: error })
      }
    },

    /** Says of a job that an earlier run ended how this one ended; false when there is none such. */
    endAnew(id: string, ending: Ending, runId: string): Promise<boolean> {
      return endWhere(`state in ('FAILED', 'CANCELED') and ended_run_id <> $2`, [id, runId, ending])
    },

    /** Ends an open job that has not changed since it was looked at; false when it has. */
    endUnchanged({ id, updatedAt }: Pick<Job, 'id' | 'updatedAt'>, ending: Ending, runId: string) {
      const isUnchanged = `state in ('PENDING', 'IN_PROGRESS', 'RETRYING')
        and updated_at = timestamptz 'epoch' + $6::bigint * interval '1 microsecond'`
      return endWhere(isUnchanged, [id, runId, ending], String(updatedAt))
    },

    /**
     * Ends an open job well and for good, after the work that makes its result; false, without the work, when it has ended. Nobody
     * else can end it meanwhile.
     */
    endAfter(id: string, outcome: string | null, work: () => Promise<void>): Promise<boolean> {
      return sequelize.transaction(async (transaction) => {
        const open = await sequelize.query(
          `select id from jobs where id = $1 and state in ('PENDING', 'IN_PROGRESS', 'RETRYING') for update`,
          { bind: [id], type: QueryTypes.SELECT, transaction },
        )
        if (open.length === 0) return false
        await work()
        await sequelize.query(
          `update jobs set state = 'SUCCEEDED', outcome = $2, ended_at = clock_timestamp(),
             updated_at = clock_timestamp() where id = $1`,
          { bind: [id, outcome], type: QueryTypes.UPDATE, transaction },
        )
        return true
      })
    },
  }
}
