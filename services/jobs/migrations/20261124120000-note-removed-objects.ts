/** What was removed of a job that is still shown: its result and its upload have retention times of their own. */
export async function up(sql: (text: string) => Promise<void>): Promise<void> {
  await sql(
    'alter table jobs add column result_removed_at timestamptz, add column upload_removed_at timestamptz',
  )
  await sql(`
    create index jobs_with_result on jobs (ended_at)
    where state = 'SUCCEEDED' and result_removed_at is null
  `)
  await sql(`
    create index jobs_with_upload on jobs (ended_at)
    where ended_at is not null and upload_removed_at is null
      and kind in ('WriteProgramEnrollments', 'WriteCourseRunEnrollments')
  `)
}
