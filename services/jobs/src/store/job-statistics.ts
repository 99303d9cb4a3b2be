import { QueryTypes, type Sequelize } from 'sequelize'
import type { JobKind, OpenState } from '../domain/job.ts'

/** The open jobs of a kind in a state: how many, and how many seconds ago the oldest was accepted. */
export type OpenJobs = { kind: JobKind; state: OpenState; count: number; oldestSeconds: number }

/** Reads an index of the open jobs, however many have ended. */
export const countOpenJobs = `
  select kind, state, count(*)::int as count,
    extract(epoch from clock_timestamp() - min(created_at))::float8 as "oldestSeconds"
  from jobs where state in ('PENDING', 'IN_PROGRESS', 'RETRYING') group by kind, state`

/** What is told of all jobs together. */
export function createJobStatistics(sequelize: Sequelize) {
  return {
    /** Only of kinds and states that there are. */
    countOpen(): Promise<OpenJobs[]> {
      return sequelize.query<OpenJobs>(countOpenJobs, { type: QueryTypes.SELECT })
    },
  }
}
