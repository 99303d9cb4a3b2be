import type { BenchContext } from './context.ts'
import { measureEdx } from './edx.ts'
import { measureFloors } from './floors.ts'
import { measureJobBursts } from './job-bursts.ts'
import { measureJobLatency } from './job-latency.ts'
import { measureJobStorage } from './job-storage.ts'
import { measureLists } from './lists.ts'
import { measureLoad } from './load.ts'
import type { Row } from './measure.ts'
import { measureReadJobs } from './read-jobs.ts'
import type { Table } from './tables.ts'
import { measureWrites } from './writes.ts'

/** What `npm run bench` can measure, by name: work beside its floor. */
export const measurements: Record<string, (context: BenchContext) => Promise<Row[]>> = {
  lists: measureLists,
  writes: measureWrites,
  'read-jobs': measureReadJobs,
  'job-latency': measureJobLatency,
  'job-bursts': measureJobBursts,
  'job-storage': measureJobStorage,
  edx: measureEdx,
}

/** What has tables of its own. */
export const profiles: Record<string, (context: BenchContext) => Promise<Table[]>> = {
  floors: measureFloors,
  load: measureLoad,
}
