import { setTimeout as sleep } from 'node:timers/promises'
import { apartFromCall } from '#kit/call-signal.ts'
import { DomainError, Reason } from '#kit/errors.ts'
import type { Logger } from '#kit/logger.ts'
import { isOpen, type Job } from './domain/job.ts'
import type { JobStore } from './store/job-store.ts'

/** Tells of changes of jobs, with one query at a time for all that are watched in this process. */
export type JobWatcher = {
  /** The job whenever it has changed since, the last time when it has ended. JOB_NOT_FOUND when it is removed. */
  watch(since: Job, signal: AbortSignal): AsyncGenerator<Job>
  /** Ends all watches with UNAVAILABLE. */
  close(): void
}

const lookEveryMs = 500

export function createJobWatcher(store: Pick<JobStore, 'findAll'>, logger: Logger): JobWatcher {
  const waiting = new Map<string, PromiseWithResolvers<Job | undefined>>()
  const closing = new AbortController()
  let isLooking = false

  /** The job as the next look finds it. */
  function lookAt(id: string): Promise<Job | undefined> {
    let wait = waiting.get(id)
    if (wait === undefined) {
      wait = Promise.withResolvers()
      waiting.set(id, wait)
      // Nobody awaits it any more when its watchers left.
      wait.promise.catch(() => {})
    }
    // It looks for all who watch.
    if (!isLooking) void apartFromCall(look)
    return wait.promise
  }

  async function look(): Promise<void> {
    isLooking = true
    while (waiting.size > 0 && !closing.signal.aborted) {
      await sleep(lookEveryMs, undefined, { signal: closing.signal }).catch(() => {})
      const ids = [...waiting.keys()]
      try {
        const jobs = new Map((await store.findAll(ids)).map((job) => [job.id, job]))
        for (const id of ids) {
          waiting.get(id)?.resolve(jobs.get(id))
          waiting.delete(id)
        }
      } catch (error) {
        logger.warn({ err: error, count: ids.length }, 'watched jobs could not be looked at')
      }
    }
    isLooking = false
  }

  return {
    async *watch(since, signal) {
      const ended = AbortSignal.any([signal, closing.signal])
      let last = since
      while (isOpen(last)) {
        const job = await orAborted(lookAt(last.id), ended)
        if (job === undefined) throw new DomainError(Reason.JOB_NOT_FOUND, 'Not found.')
        if (job.updatedAt !== last.updatedAt) yield job
        last = job
      }
    },
    close() {
      closing.abort(new DomainError(Reason.UNAVAILABLE, 'the service is stopping', { retryAfterSeconds: 1 }))
    },
  }
}

async function orAborted<T>(work: Promise<T>, signal: AbortSignal): Promise<T> {
  signal.throwIfAborted()
  const aborted = Promise.withResolvers<never>()
  const abort = () => aborted.reject(signal.reason)
  signal.addEventListener('abort', abort, { once: true })
  try {
    return await Promise.race([work, aborted.promise])
  } finally {
    signal.removeEventListener('abort', abort)
  }
}
