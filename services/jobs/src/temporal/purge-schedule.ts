import { setTimeout as sleep } from 'node:timers/promises'
import {
  Client,
  Connection,
  ScheduleAlreadyRunning,
  type ScheduleOptions,
  ScheduleOverlapPolicy,
} from '@temporalio/client'
import type { Logger } from '#kit/logger.ts'
import type { Retention } from '../domain/retention.ts'
import type { TemporalConfig } from './connection.ts'
import { purgeScheduleId, purgeWorkflowType, taskQueue } from './names.ts'
import { createPayloadCodecs } from './payload-codec.ts'

const callWithinMs = 5_000
const againAfterMs = { failure: 5_000, success: 3_600_000 }

/**
 * Keeps the schedule in Temporal that removes what is no longer kept: makes it, or brings it up to date, as soon as Temporal answers
 * and each hour again. Any number of processes may do so. That it is paused is left to whoever did so.
 */
export function keepPurgeSchedule(
  { namespace, codecKeys, ...connectionOptions }: TemporalConfig,
  retention: Retention,
  logger: Logger,
): { close(): Promise<void> } {
  const connection = Connection.lazy(connectionOptions)
  const dataConverter = { payloadCodecs: createPayloadCodecs(codecKeys) }
  const client = new Client({ connection, namespace, dataConverter })
  const closing = new AbortController()

  async function keep(): Promise<void> {
    while (!closing.signal.aborted) {
      const pause = await ensure().then(
        () => againAfterMs.success,
        (error: unknown) => {
          if (!closing.signal.aborted)
            logger.warn({ err: error }, 'the schedule that purges waits for Temporal')
          return againAfterMs.failure
        },
      )
      await sleep(pause, undefined, { signal: closing.signal }).catch(() => {})
    }
  }

  function ensure(): Promise<void> {
    const wanted = scheduleOf(retention)
    return connection.withDeadline(Date.now() + callWithinMs, async () => {
      try {
        await client.schedule.create(wanted)
        logger.info({ ...retention, scheduleId: purgeScheduleId }, 'a schedule purges what is no longer kept')
      } catch (error) {
        if (!(error instanceof ScheduleAlreadyRunning)) throw error
        const { spec, action, policies } = wanted
        await client.schedule
          .getHandle(purgeScheduleId)
          .update(({ state }) => ({ spec, action, policies, state }))
      }
    })
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

function scheduleOf(retention: Retention) {
  return {
    scheduleId: purgeScheduleId,
    spec: { intervals: [{ every: '1 hour' }], jitter: '5 minutes' },
    policies: { overlap: ScheduleOverlapPolicy.SKIP, catchupWindow: '1 hour' },
    action: {
      type: 'startWorkflow',
      workflowType: purgeWorkflowType,
      workflowId: purgeScheduleId,
      taskQueue,
      args: [retention],
      staticSummary: 'Removal of what is no longer kept',
      staticDetails: detailsOf(retention),
    },
  } satisfies ScheduleOptions
}

function detailsOf({ resultDays, uploadDays, jobDays }: Retention): string {
  const days = (count: number) => (count === 0 ? 'kept for ever' : `removed after ${count} days`)
  return [
    `- Results: ${days(resultDays)}`,
    `- Uploads: ${days(uploadDays)}`,
    `- Jobs: ${days(jobDays)}`,
    '- Parts and drafts of broken jobs and processes: removed after a day',
  ].join('\n')
}
