/** Jobs, the lock "one upload at a time for each program" as an index, and indexes for the lists and the sweeps. */
export async function up(sql: (text: string) => Promise<void>): Promise<void> {
  await sql(`
    create table jobs (
      id uuid primary key,
      kind text not null,
      state text not null default 'PENDING' check (
        state in ('PENDING', 'IN_PROGRESS', 'RETRYING', 'SUCCEEDED', 'FAILED', 'CANCELED')
      ),
      owner_id uuid not null,
      username text not null,
      program_id uuid not null,
      program_key text not null,
      organization_key text not null,
      course_id text,
      course_key text,
      format text not null check (format in ('json', 'csv')),
      include_accounts boolean not null,
      include_course_staff boolean not null,
      attempt integer not null default 0,
      rows_done bigint not null default 0,
      rows_total bigint,
      outcome text,
      failure_reason text,
      failure_message text,
      created_at timestamptz not null default clock_timestamp(),
      updated_at timestamptz not null default clock_timestamp(),
      checked_at timestamptz not null default clock_timestamp(),
      ended_at timestamptz,
      check ((ended_at is not null) = (state in ('SUCCEEDED', 'FAILED', 'CANCELED')))
    )
  `)
  await sql(`
    create unique index jobs_one_open_write_per_program on jobs (program_id)
    where kind in ('WriteProgramEnrollments', 'WriteCourseRunEnrollments')
      and state in ('PENDING', 'IN_PROGRESS', 'RETRYING')
  `)
  await sql('create index jobs_newest_of_owner on jobs (owner_id, created_at desc, id desc)')
  await sql('create index jobs_newest on jobs (created_at desc, id desc)')
  await sql(`
    create index jobs_open_by_check on jobs (checked_at) where state in ('PENDING', 'IN_PROGRESS', 'RETRYING')
  `)
  await sql('create index jobs_ended on jobs (ended_at) where ended_at is not null')
}
