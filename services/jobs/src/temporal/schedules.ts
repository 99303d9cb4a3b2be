import { setTimeout as sleep } from 'node:timers/promises'
import {
  Client,
  Connection,
  ScheduleAlreadyRunning,
  ScheduleNotFoundError,
  type ScheduleOptions,
} from '@temporalio/client'
import type { Logger } from '#kit/logger.ts'
import type { TemporalConfig } from './connection.ts'
import { createPayloadCodecs } from './payload-codec.ts'

/** A schedule as it is to be in Temporal. */
export type WantedSchedule = ScheduleOptions & { scheduleId: string }

/** The schedules that are to be there, and the ids of those that are not. */
export type Schedules = { present: readonly WantedSchedule[]; absent: readonly string[] }

const callWithinMs = 5_000
const againAfterMs = { failure: 5_000, success: 3_600_000 }

/**
 * Keeps schedules in Temporal: makes them, brings them up to date or removes them, as soon as Temporal answers and each hour again. Any
 * number of processes may do so. That one is paused is left to whoever did so.
 */
export function keepSchedules(
  { namespace, codecKeys, ...connectionOptions }: TemporalConfig,
  schedules: Schedules,
  logger: Logger,
): { close(): Promise<void> } {
  const connection = Connection.lazy(connectionOptions)
  const dataConverter = { payloadCodecs: createPayloadCodecs(codecKeys) }
  const { schedule } = new Client({ connection, namespace, dataConverter })
  const closing = new AbortController()

  async function keep(): Promise<void> {
    while (!closing.signal.aborted) {
      const pause = await connection.withDeadline(Date.now() + callWithinMs, ensureAll).then(
        () => againAfterMs.success,
        (error: unknown) => {
          if (!closing.signal.aborted) logger.warn({ err: error }, 'schedules wait for Temporal')
          return againAfterMs.failure
        },
      )
      await sleep(pause, undefined, { signal: closing.signal }).catch(() => {})
    }
  }

  async function ensureAll(): Promise<void> {
    for (const wanted of schedules.present) await ensure(wanted)
    for (const id of schedules.absent) await remove(id)
  }

  async function ensure(wanted: WantedSchedule): Promise<void> {
    try {
      await schedule.create(wanted)
      logger.info({ scheduleId: wanted.scheduleId }, 'a schedule was made')
    } catch (error) {
      if (!(error instanceof ScheduleAlreadyRunning)) throw error
      const { spec, action, policies } = wanted
      await schedule
        .getHandle(wanted.scheduleId)
        .update(({ state }) => ({ spec, action, policies, state }) as never)
    }
  }

  async function remove(scheduleId: string): Promise<void> {
    try {
      await schedule.getHandle(scheduleId).delete()
    } catch (error) {
      if (!(error instanceof ScheduleNotFoundError)) throw error
    }
  }

  const keeping = keep()
  return {
    async close() {
      closing.abort()
      await keeping
      await connection.close()
    },
  }
}
