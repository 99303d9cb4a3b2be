import { ScheduleOverlapPolicy } from '@temporalio/client'
import type { Retention } from '../domain/retention.ts'
import { purgeScheduleId, purgeWorkflowType, taskQueue } from './names.ts'
import type { WantedSchedule } from './schedules.ts'

/** The schedule that removes what is no longer kept. */
export function purgeScheduleOf(retention: Retention): WantedSchedule {
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
  }
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
