import {
  type FindAttributeOptions,
  fn,
  literal,
  Op,
  QueryTypes,
  type Sequelize,
  UniqueConstraintError,
  type WhereOptions,
} from 'sequelize'
import { DomainError, Reason } from '#kit/errors.ts'
import { type KeyedRequest, keptSeconds, keyReused } from '#kit/idempotency.ts'
import { activeTraceparent } from '#kit/tracing.ts'
import type { Ending } from '../domain/ending.ts'
import {
  type EndState,
  endStates,
  type Job,
  type JobFailure,
  type JobState,
  type NewJob,
  openStates,
  writeKinds,
} from '../domain/job.ts'
import { createJobEndings } from './job-endings.ts'
import { createJobRetention } from './job-retention.ts'
import { createJobStatistics } from './job-statistics.ts'
import { defineJobModel, type JobModel } from './models.ts'

/** Where a page of jobs goes on: behind this job. */
export type JobPosition = { createdAt: bigint; id: string }

export type JobFilter = { ownerId?: string; states?: readonly JobState[]; programKey?: string }

/** How a job that is at work stands. */
export type Standing = {
  state: 'IN_PROGRESS' | 'RETRYING'
  attempt: number
  rowsDone: number
}

export type Success = { state: 'SUCCEEDED'; outcome: string | null; rowsDone: number }

export type JobStore = ReturnType<typeof createJobStore>

/**
 * The jobs. A job that has ended never changes again: whatever would change it returns false and does nothing. Only a newer run of its
 * workflow can open it again: see `job-endings.ts`.
 */
export function createJobStore(sequelize: Sequelize) {
  const jobs = defineJobModel(sequelize)

  async function change(
    id: string,
    values: Record<string, unknown>,
    from: readonly JobState[],
  ): Promise<boolean> {
    const [count] = await jobs.update({ ...values, updatedAt: clock() }, { where: { id, state: [...from] } })
    return count > 0
  }

  async function find(id: string): Promise<Job | undefined> {
    const row = await jobs.findOne({ where: { id }, attributes, raw: true })
    return row === null ? undefined : jobOf(row)
  }

  /** The jobs with these ids, in any order; without those that there are not. */
  async function findAll(ids: readonly string[]): Promise<Job[]> {
    const rows = await jobs.findAll({ where: { id: [...ids] }, attributes, raw: true })
    return rows.map(jobOf)
  }

  async function giveUpExpiredKey(ownerId: string, idempotencyKey: string): Promise<void> {
    await jobs.update(
      { idempotencyKey: null, requestFingerprint: null },
      { where: { ownerId, idempotencyKey, createdAt: { [Op.lt]: keysExpireBefore } } },
    )
  }

  return {
    ...createJobEndings(sequelize),
    ...createJobRetention(sequelize),
    ...createJobStatistics(sequelize),
    find,

    findAll,

    /** Those of the jobs with these ids that are open. */
    async findOpen(ids: readonly string[]): Promise<Job[]> {
      const open = await jobs.findAll({
        where: { id: [...ids], state: [...openStates] },
        attributes,
        raw: true,
      })
      return open.map(jobOf)
    },

    /**
     * Adds a job in state PENDING. WRITE_IN_PROGRESS for a write while another one of the program is open, and when there is a job
     * of the same key.
     */
    async insert(job: NewJob, keyed?: Pick<KeyedRequest, 'key' | 'fingerprint'>): Promise<Job> {
      try {
        if (keyed !== undefined) await giveUpExpiredKey(job.ownerId, keyed.key)
        const { key: idempotencyKey = null, fingerprint: requestFingerprint = null } = keyed ?? {}
        const row = { ...job, idempotencyKey, requestFingerprint, traceparent: activeTraceparent() }
        await jobs.create(row, { returning: false })
      } catch (error) {
        if (error instanceof UniqueConstraintError && !('id' in error.fields)) throw writeInProgress(error)
        throw error
      }
      return (await find(job.id)) as Job
    },

    /** The job that the owner asked for with this key in the last 24 hours. IDEMPOTENCY_KEY_REUSED when the request was another. */
    async findByKey(
      ownerId: string,
      { key, fingerprint }: Pick<KeyedRequest, 'key' | 'fingerprint'>,
    ): Promise<Job | undefined> {
      const row = await jobs.findOne({
        where: { ownerId, idempotencyKey: key, createdAt: { [Op.gte]: keysExpireBefore } },
        attributes: ['id', 'requestFingerprint'],
        raw: true,
      })
      if (row === null) return undefined
      if (!row.requestFingerprint?.equals(fingerprint)) throw keyReused()
      return find(row.id)
    },

    /** WRITE_IN_PROGRESS while an upload to the program is open. */
    async assertNoOpenWrite(programId: string): Promise<void> {
      const where = { programId, kind: [...writeKinds], state: [...openStates] }
      if ((await jobs.count({ where })) > 0) throw writeInProgress()
    },

    /** Jobs that pass the filter, newest first, at most so many. */
    async list(filter: JobFilter, limit: number, after?: JobPosition): Promise<Job[]> {
      const where: WhereOptions<JobModel>[] = []
      if (filter.ownerId !== undefined) where.push({ ownerId: filter.ownerId })
      if (filter.programKey !== undefined) where.push({ programKey: filter.programKey })
      if (filter.states !== undefined) where.push({ state: [...filter.states] })
      if (after !== undefined) where.push(literal(`(created_at, id) < (${timeOf(':createdAt')}, :id)`))
      const rows = await jobs.findAll({
        where: { [Op.and]: where },
        ...(after === undefined
          ? {}
          : { replacements: { createdAt: String(after.createdAt), id: after.id } }),
        order: [
          ['createdAt', 'DESC'],
          ['id', 'DESC'],
        ],
        limit,
        attributes,
        raw: true,
      })
      return rows.map(jobOf)
    },

    /** Says how a job at work stands; false when it has ended. */
    noteStanding(id: string, { state, attempt, rowsDone }: Standing): Promise<boolean> {
      return change(id, { state, attempt, rowsDone }, openStates)
    },

    /** Says that an attempt failed and why, and that there will be another; false when the job has ended. */
    noteTrouble(id: string, attempt: number, { reason, message }: JobFailure): Promise<boolean> {
      const trouble = { failureReason: reason, failureMessage: message }
      return change(id, { state: 'RETRYING', attempt, ...trouble }, openStates)
    },

    /**
     * Ends a job; false when it has ended already. `runId` is the run of its workflow that ends it; without one it is ended for good.
     */
    end(id: string, ending: Ending | Success, runId: string | null = null): Promise<boolean> {
      const ended = { state: ending.state, endedAt: clock(), endedRunId: runId }
      switch (ending.state) {
        case 'SUCCEEDED':
          return change(id, { ...ended, outcome: ending.outcome, rowsDone: ending.rowsDone }, openStates)
        case 'FAILED': {
          const { reason, message } = ending.failure
          return change(id, { ...ended, failureReason: reason, failureMessage: message }, openStates)
        }
        case 'CANCELED':
          return change(id, ended, openStates)
      }
    },

    /** Cancels a job on which no work has begun; false when it has, or the job has ended. */
    cancelPending(id: string): Promise<boolean> {
      return change(id, { state: 'CANCELED', endedAt: clock() }, ['PENDING'])
    },

    /** Has the next sweep look at a job. */
    async askForCheck(id: string): Promise<void> {
      await jobs.update({ checkedAt: new Date(0) }, { where: { id } })
    },

    /**
     * Takes open jobs that nobody has looked at for so many seconds, those first that have waited longest, and notes that they are
     * looked at now. Callers at the same time get different ones.
     */
    async takeUnchecked(olderThanSeconds: number, limit: number): Promise<Job[]> {
      const taken = await sequelize.query<{ id: string }>(
        `update jobs set checked_at = clock_timestamp() where id in (
           select id from jobs
           where state in ('PENDING', 'IN_PROGRESS', 'RETRYING')
             and checked_at < clock_timestamp() - make_interval(secs => $1)
           order by checked_at limit $2 for update skip locked
         ) returning id`,
        { bind: [olderThanSeconds, limit], type: QueryTypes.SELECT },
      )
      return findAll(taken.map(({ id }) => id))
    },

    /** Removes jobs that have ended; how many there were. */
    remove(ids: readonly string[]): Promise<number> {
      return jobs.destroy({ where: { id: [...ids], state: [...endStates] as EndState[] } })
    },
  }
}

const keysExpireBefore = literal(`clock_timestamp() - interval '${keptSeconds} seconds'`)

type Micros = { createdMicros: string; updatedMicros: string; isResultRemoved: boolean }

const micros = (column: string) => literal(`(extract(epoch from ${column}) * 1000000)::bigint`)
const attributes: FindAttributeOptions = {
  exclude: [
    ...['createdAt', 'updatedAt', 'checkedAt', 'endedAt', 'endedRunId'],
    ...['idempotencyKey', 'requestFingerprint'],
  ],
  include: [
    [micros('created_at'), 'createdMicros'],
    [micros('updated_at'), 'updatedMicros'],
    [literal('(result_removed_at is not null)'), 'isResultRemoved'],
  ],
}

function jobOf(row: JobModel): Job {
  const { createdMicros, updatedMicros, failureReason, failureMessage, rowsDone, rowsTotal, ...rest } =
    row as JobModel & Micros
  return {
    ...rest,
    rowsDone: Number(rowsDone),
    rowsTotal: rowsTotal === null ? null : Number(rowsTotal),
    failure: failureReason === null ? null : { reason: failureReason, message: failureMessage ?? '' },
    createdAt: BigInt(createdMicros),
    updatedAt: BigInt(updatedMicros),
  }
}

function clock() {
  return fn('clock_timestamp')
}

/** The time that a parameter gives in microseconds since 1970, exactly. */
function timeOf(parameter: string): string {
  return `(timestamptz 'epoch' + ${parameter} * interval '1 microsecond')`
}

function writeInProgress(cause?: unknown): DomainError {
  return new DomainError(Reason.WRITE_IN_PROGRESS, 'Job already in progress for program', { cause })
}
