/**
 * Users, groups and what they hold. Organizations and programs are the catalog's: only their ids are here, without a foreign key.
 *
 * Names that pages are cut by compare by code point, whatever the database's locale.
 */
export async function up(sql: (text: string) => Promise<void>): Promise<void> {
  await sql(`
    create table users (
      id uuid primary key default gen_random_uuid(),
      username varchar(150) collate "C" not null unique check (username <> ''),
      email varchar(254) not null default '',
      active boolean not null default true,
      staff boolean not null default false,
      superuser boolean not null default false,
      created_at timestamptz not null default now(),
      updated_at timestamptz not null default now()
    )`)
  await sql(`create index users_email on users (email) where email <> ''`)

  await sql(`
    create table groups (
      id uuid primary key default gen_random_uuid(),
      name varchar(150) collate "C" not null unique check (name <> ''),
      role text,
      resource_kind text check (resource_kind in ('organization', 'program')),
      resource_id uuid,
      created_at timestamptz not null default now(),
      updated_at timestamptz not null default now(),
      constraint groups_role_goes_with_resource check (
        (role is null) = (resource_kind is null) and (role is null) = (resource_id is null)
        and (role is null or starts_with(role, resource_kind || '_'))
      )
    )`)
  await sql(`create index groups_resource on groups (resource_id)`)

  await sql(`
    create table memberships (
      user_id uuid not null references users on delete cascade,
      group_id uuid not null references groups on delete cascade,
      created_at timestamptz not null default now(),
      primary key (user_id, group_id)
    )`)
  await sql(`create index memberships_group on memberships (group_id)`)

  await sql(`
    create table grants (
      id uuid primary key default gen_random_uuid(),
      user_id uuid references users on delete cascade,
      group_id uuid references groups on delete cascade,
      permission text not null,
      resource_kind text check (resource_kind in ('organization', 'program')),
      resource_id uuid,
      created_at timestamptz not null default now(),
      constraint grants_one_subject check (num_nonnulls(user_id, group_id) = 1),
      constraint grants_whole_resource check ((resource_kind is null) = (resource_id is null)),
      constraint grants_jobs_globally check (permission <> 'job_global_read' or resource_id is null),
      constraint grants_once unique nulls not distinct (user_id, group_id, permission, resource_kind, resource_id)
    )`)
  await sql(`create index grants_group on grants (group_id) where group_id is not null`)
  await sql(`create index grants_resource on grants (resource_id)`)

  // A row is a flag that is on: for a user, for a group, or for everyone when both are null.
  await sql(`
    create table flag_settings (
      id uuid primary key default gen_random_uuid(),
      flag text collate "C" not null,
      user_id uuid references users on delete cascade,
      group_id uuid references groups on delete cascade,
      created_at timestamptz not null default now(),
      constraint flag_settings_one_subject check (num_nonnulls(user_id, group_id) <= 1),
      constraint flag_settings_once unique nulls not distinct (flag, user_id, group_id)
    )`)
  await sql(`create index flag_settings_user on flag_settings (user_id)`)
  await sql(`create index flag_settings_group on flag_settings (group_id) where group_id is not null`)

  // Memberships promised to whoever is seen first with the address.
  await sql(`
    create table invitations (
      email varchar(254) not null check (email <> ''),
      group_id uuid not null references groups on delete cascade,
      created_at timestamptz not null default now(),
      primary key (email, group_id)
    )`)
  await sql(`create index invitations_group on invitations (group_id)`)
}
