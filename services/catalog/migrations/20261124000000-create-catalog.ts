/** Organizations, their programs, what is known of those, and the course runs of their active curricula. */
export async function up(sql: (text: string) => Promise<void>): Promise<void> {
  await sql(`
    create table organizations (
      id uuid primary key,
      key varchar(255) not null unique,
      name varchar(255) not null,
      discovery_uuid uuid not null,
      created timestamptz not null,
      updated timestamptz not null
    )`)
  await sql('create index on organizations (discovery_uuid)')

  // sequence: lists run in the order of insertion, and pages of them start after a value of it.
  await sql(`
    create table programs (
      id uuid primary key,
      key varchar(255) not null unique,
      discovery_uuid uuid not null,
      organization_id uuid not null references organizations on delete cascade,
      sequence bigint generated always as identity unique,
      created timestamptz not null,
      updated timestamptz not null
    )`)
  await sql('create index on programs (discovery_uuid)')
  await sql('create index on programs (organization_id)')

  // folded_title: the title in lower case by the rules of Unicode, whatever locale the database has.
  await sql(`
    create table program_details (
      program_id uuid primary key references programs on delete cascade,
      title text,
      folded_title text,
      url text,
      type text,
      active_curriculum_uuid uuid
    )`)

  // Neither key nor external_key is unique here: a catalog that comes from Discovery may repeat them, and the first run counts.
  await sql(`
    create table course_runs (
      program_id uuid not null references programs on delete cascade,
      position integer not null,
      key text not null,
      external_key text,
      title text,
      url text,
      primary key (program_id, position)
    )`)
}
