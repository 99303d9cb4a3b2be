import { Counter } from 'prom-client'
import type { Metrics } from '#kit/metrics.ts'
import type { Activities } from '../activities/index.ts'
import { type JobKind, readKinds, writeKinds } from '../domain/job.ts'
import type { Progress } from '../domain/tasks.ts'

/** The same activities; the rows of each part that succeeds are counted. */
export function countRows({ registry }: Metrics, activities: Activities): Activities {
  const rows = new Counter({
    name: 'registrar_job_rows_total',
    help: 'Rows that jobs read or wrote; those of an attempt that failed do not count.',
    labelNames: ['kind'],
    registers: [registry],
  })
  for (const kind of [...readKinds, ...writeKinds]) rows.inc({ kind }, 0)
  const count = (kind: JobKind, from: Progress, to: Progress): Progress => {
    rows.inc({ kind }, to.rows - from.rows)
    return to
  }
  return {
    ...activities,
    readPart: async (task, from, ...rest) =>
      count(task.kind, from, await activities.readPart(task, from, ...rest)),
    writePart: async (task, from, ...rest) =>
      count(task.kind, from, await activities.writePart(task, from, ...rest)),
  }
}
