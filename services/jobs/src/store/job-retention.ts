import { QueryTypes, type Sequelize } from 'sequelize'
import type { Job } from '../domain/job.ts'

/** What is no longer kept of jobs that have ended. */
export function createJobRetention(sequelize: Sequelize) {
  const list = (condition: string, olderThanSeconds: number, limit: number) =>
    sequelize.query<Pick<Job, 'id' | 'format'>>(
      `select id, format from jobs
       where ${condition} and ended_at < clock_timestamp() - make_interval(secs => $1)
       order by ended_at limit $2`,
      { bind: [olderThanSeconds, limit], type: QueryTypes.SELECT },
    )
  const note = async (column: string, ids: readonly string[]) => {
    const statement = `update jobs set ${column} = clock_timestamp() where id = any($1::uuid[])`
    await sequelize.query(statement, { bind: [[...ids]], type: QueryTypes.UPDATE })
  }
  const hasUpload = `ended_at is not null and upload_removed_at is null
    and kind in ('WriteProgramEnrollments', 'WriteCourseRunEnrollments')`

  return {
    /** Jobs that ended longer ago than so many seconds, the oldest first. */
    listEndedBefore: (olderThanSeconds: number, limit: number) =>
      list('ended_at is not null', olderThanSeconds, limit),

    /** Those of them whose result is there. */
    listWithResultBefore: (olderThanSeconds: number, limit: number) =>
      list(`state = 'SUCCEEDED' and result_removed_at is null`, olderThanSeconds, limit),

    /** Those of them whose upload is there. */
    listWithUploadBefore: (olderThanSeconds: number, limit: number) =>
      list(hasUpload, olderThanSeconds, limit),

    /** Says that the results of these jobs are gone. */
    noteResultsRemoved: (ids: readonly string[]) => note('result_removed_at', ids),

    /** Says that the uploads of these jobs are gone. */
    noteUploadsRemoved: (ids: readonly string[]) => note('upload_removed_at', ids),
  }
}
