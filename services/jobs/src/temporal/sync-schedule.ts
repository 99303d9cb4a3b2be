import { ScheduleOverlapPolicy } from '@temporalio/client'
import { syncScheduleId, syncWorkflowType, taskQueue } from './names.ts'
import type { WantedSchedule } from './schedules.ts'

/** The schedule that takes over what Discovery tells of organizations and programs. */
export function syncScheduleOf(everySeconds: number): WantedSchedule {
  return {
    scheduleId: syncScheduleId,
    spec: { intervals: [{ every: everySeconds * 1_000 }] },
    policies: { overlap: ScheduleOverlapPolicy.SKIP, catchupWindow: '1 minute' },
    action: {
      type: 'startWorkflow',
      workflowType: syncWorkflowType,
      workflowId: syncScheduleId,
      taskQueue,
      staticSummary: 'Sync with Discovery',
      staticDetails: 'Organizations and programs as Discovery tells them, then the groups of report readers.',
    },
  }
}
