import type { Retention } from '../domain/retention.ts'
import { syncScheduleId } from './names.ts'
import { purgeScheduleOf } from './purge-schedule.ts'
import type { Schedules } from './schedules.ts'
import { syncScheduleOf } from './sync-schedule.ts'

/** The schedules that the settings ask for; a sync with Discovery only when it has an interval. */
export function schedulesOf(config: { retention: Retention; syncIntervalSeconds: number }): Schedules {
  const { retention, syncIntervalSeconds } = config
  const purge = purgeScheduleOf(retention)
  if (syncIntervalSeconds === 0) return { present: [purge], absent: [syncScheduleId] }
  return { present: [purge, syncScheduleOf(syncIntervalSeconds)], absent: [] }
}
