import type { Migration } from '#kit/migrate.ts'

// A batch is what is written at once, by whom and by which request. In tables of our own it is put down with what came of it. One that
// goes to an LMS is put down before; what came of it is a row of audit_outcomes, and without one nobody knows.
const audit_batches = `
  create table audit_batches (
    id bigint generated always as identity primary key,
    occurred_at timestamptz not null default now(),
    actor_kind text not null check (actor_kind in ('user', 'service')),
    actor text collate "C" not null,
    via text,
    request_id text collate "C" not null,
    action text collate "C" not null,
    mode text,
    target text collate "C" not null,
    organization_id uuid,
    organization_key text,
    program_id uuid,
    program_key text,
    program_uuid uuid,
    course_key text collate "C",
    row_count integer not null,
    accepted integer,
    refused integer
  )`
const audit_outcomes = `
  create table audit_outcomes (
    batch_id bigint primary key,
    occurred_at timestamptz not null default now(),
    accepted integer,
    refused integer,
    failure text
  )`
const audit_rows = `
  create table audit_rows (
    batch_id bigint not null,
    id bigint generated always as identity,
    occurred_at timestamptz not null default now(),
    student_key text collate "C" not null,
    action text not null,
    asked text,
    outcome text,
    previous_status text,
    previous_course_staff boolean,
    course_staff boolean,
    primary key (batch_id, id)
  )`

// What was changed in tables of our own, as one list. It takes the place of enrollment_history, which stays for processes of the
// code before.
const enrollment_changes = `
  create view enrollment_changes as
  select b.program_uuid, r.id, b.course_key, r.student_key, r.previous_status, r.outcome as status, r.previous_course_staff,
    r.course_staff, b.actor_kind as author_kind, b.actor as author, b.via, b.request_id, r.occurred_at as changed_at
  from audit_rows r join audit_batches b on b.id = r.batch_id
  where r.action in ('created', 'updated')`

const refuse_audit_changes = `
  create function refuse_audit_changes() returns trigger language plpgsql as $$
  begin
    if tg_op = 'DELETE' and current_setting('registrar.purging', true) = 'on' then
      if old.occurred_at < now() - interval '30 days' then
        return old;
      end if;
    end if;
    raise exception 'the audit trail is only ever added to' using errcode = 'insufficient_privilege';
  end $$`

// With the rights of the tables' owner, so that a service whose role may only insert and select can be asked to purge. Learners' keys
// that the code before has put down go by the same age.
const purge_audit_events = `
  create function purge_audit_events(older_than timestamptz, most integer) returns integer
  language plpgsql security definer
  set search_path = enrollment, pg_temp set registrar.purging = 'on' as $$
  declare
    batches bigint[] := array(
      select b.id from audit_batches b
      where b.occurred_at < older_than
        and not exists (select from audit_outcomes o where o.batch_id = b.id and o.occurred_at >= older_than)
      order by b.occurred_at limit most);
  begin
    delete from audit_rows where batch_id = any (batches);
    delete from audit_outcomes where batch_id = any (batches);
    delete from audit_batches where id = any (batches);
    delete from enrollment_history where changed_at < older_than;
    return cardinality(batches);
  end $$`

export const up: Migration['up'] = async (sql) => {
  for (const table of [audit_batches, audit_outcomes, audit_rows]) await sql(table)
  await sql('create index audit_batches_time on audit_batches (occurred_at, id)')
  await sql('create index audit_batches_actor on audit_batches (actor, occurred_at, id)')
  await sql('create index audit_batches_program on audit_batches (program_id, occurred_at, id)')
  await sql('create index audit_batches_organization on audit_batches (organization_id, occurred_at, id)')
  await sql('create index audit_batches_request on audit_batches (request_id)')
  await sql('create index audit_rows_student on audit_rows (student_key, batch_id, id)')
  await sql(enrollment_changes)
  await sql(refuse_audit_changes)
  for (const table of ['audit_batches', 'audit_outcomes', 'audit_rows']) {
    await sql(`create trigger ${table}_stay before update or delete on ${table}
      for each row execute function refuse_audit_changes()`)
    await sql(`create trigger ${table}_stay_all before truncate on ${table}
      for each statement execute function refuse_audit_changes()`)
  }
  await sql(purge_audit_events)
  await sql('revoke execute on function purge_audit_events from public')
}
