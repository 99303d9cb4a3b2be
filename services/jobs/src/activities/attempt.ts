import { randomBytes } from 'node:crypto'
import { Context } from '@temporalio/activity'
import { DomainError, Reason } from '#kit/errors.ts'
import type { Logger } from '#kit/logger.ts'
import { markActiveFailed, traceFields } from '#kit/tracing.ts'
import type { JobStore } from '../store/job-store.ts'
import { partFailureOf, toApplicationFailure } from './failures.ts'
import { reopen } from './runs.ts'

export type AttemptDependencies = { store: JobStore; logger: Logger }

/** The part of a job that is worked on. */
export type Part = {
  jobId: string
  /** Rows done by the parts before. */
  rowsDone: number
  /** Attempts at this part that Temporal does not count. */
  earlierAttempts: number
}

/** A name for the part that an attempt writes. */
export function newPartName(): string {
  return randomBytes(4).toString('hex')
}

/** What the work on a part is given. */
export type Attempt = {
  /** Aborts when the job or this attempt is to stop. */
  signal: AbortSignal
  /** When to end the part, in milliseconds since 1970, so that a later failure costs little. */
  endsAt: number
  /** Tells how many rows of the job are done. */
  note(rowsDone: number): void
}

/** How long a part may take, in milliseconds. */
export type PartLimits = {
  /** In the workflow's own task, which nobody else can have meanwhile. */
  quickMs: number
  steadyMs: number
}

const tellEveryMs = 1_000

/**
 * Does the work on a part: says in the job that it is at work, every second how far, and what went wrong. Stops when the job has been
 * ended by somebody. Throws what Temporal understands.
 */
export async function runAttempt<T>(
  { store, logger, limits }: AttemptDependencies & { limits: PartLimits },
  part: Part,
  work: (attempt: Attempt) => Promise<T>,
): Promise<T> {
  const context = Context.current()
  const { info, cancellationSignal } = context
  const number = info.attempt + part.earlierAttempts
  const stopped = new AbortController()
  const standing = {
    state: number === 1 ? ('IN_PROGRESS' as const) : ('RETRYING' as const),
    attempt: number,
    rowsDone: part.rowsDone,
  }
  const isOpen = () => store.noteStanding(part.jobId, standing)
  const tell = async () => {
    if (!info.isLocal) context.heartbeat(standing.rowsDone)
    if (!(await isOpen())) stopped.abort(jobEnded())
  }
  let telling = Promise.resolve()
  let timer: NodeJS.Timeout | undefined
  try {
    // A reset of the workflow may have made a run that goes on where the job had ended.
    if (!(await isOpen())) {
      await reopen(store, part.jobId)
      if (!(await isOpen())) throw jobEnded()
    }
    timer = setInterval(() => {
      telling = telling
        .then(tell)
        .catch((error) => logger.warn({ err: error, jobId: part.jobId }, 'not told'))
    }, tellEveryMs)
    return await work({
      signal: AbortSignal.any([cancellationSignal, stopped.signal]),
      endsAt: Date.now() + (info.isLocal ? limits.quickMs : limits.steadyMs),
      note: (rowsDone) => Object.assign(standing, { rowsDone }),
    })
  } catch (error) {
    if (cancellationSignal.aborted) throw cancellationSignal.reason
    const cause = stopped.signal.aborted ? stopped.signal.reason : error
    throw await explain({ store, logger }, part.jobId, number, cause)
  } finally {
    clearInterval(timer)
    await telling
  }
}

/** Throws what Temporal understands when the work fails. */
export async function explainFailures<T>(
  dependencies: AttemptDependencies,
  jobId: string,
  work: () => Promise<T>,
): Promise<T> {
  const context = Context.current()
  const { info, cancellationSignal } = context
  // To join large parts may take longer than Temporal waits for a sign of life.
  const beating = info.isLocal ? undefined : setInterval(() => context.heartbeat(), tellEveryMs)
  try {
    return await work()
  } catch (error) {
    if (cancellationSignal.aborted) throw cancellationSignal.reason
    throw await explain(dependencies, jobId, info.attempt, error)
  } finally {
    clearInterval(beating)
  }
}

async function explain(
  { store, logger }: AttemptDependencies,
  jobId: string,
  attempt: number,
  error: unknown,
) {
  const failure = partFailureOf(error, attempt)
  markActiveFailed(failure.reason)
  logger.warn(
    { jobId, attempt, reason: failure.reason, isFinal: failure.isFinal, ...traceFields(), err: error },
    'a part failed',
  )
  if (!failure.isFinal) {
    // A help for people that the job can do without.
    await store.noteTrouble(jobId, attempt, failure).catch(() => {})
  }
  return toApplicationFailure(failure)
}

function jobEnded(): DomainError {
  return new DomainError(Reason.JOB_ENDED, 'The job has ended already.')
}
