/**
 * Who changed what. A trigger refuses every change of what was put down; `purge_audit_events` is the way for what is old to go.
 *
 * The function runs with the rights of the tables' owner, so that a service whose role may only insert and select can be asked to purge.
 */
export async function up(sql: (text: string) => Promise<void>): Promise<void> {
  await sql(`
    create table audit_events (
      id bigint generated always as identity primary key,
      occurred_at timestamptz not null default now(),
      actor_kind text not null check (actor_kind in ('user', 'service')),
      actor text collate "C" not null,
      via text,
      request_id text collate "C" not null,
      action text collate "C" not null,
      target_kind text not null,
      target text collate "C" not null,
      organization_id uuid,
      program_id uuid,
      before jsonb,
      after jsonb
    )`)
  await sql('create index audit_events_time on audit_events (occurred_at, id)')
  await sql('create index audit_events_actor on audit_events (actor, occurred_at, id)')
  await sql('create index audit_events_target on audit_events (target, occurred_at, id)')
  await sql('create index audit_events_request on audit_events (request_id)')
  await sql(`create index audit_events_organization on audit_events (organization_id, occurred_at, id)
    where organization_id is not null`)
  await sql(`create index audit_events_program on audit_events (program_id, occurred_at, id)
    where program_id is not null`)

  await sql(`
    create function refuse_audit_changes() returns trigger language plpgsql as $$
    begin
      if tg_op = 'DELETE' and current_setting('registrar.purging', true) = 'on' then
        if old.occurred_at < now() - interval '30 days' then
          return old;
        end if;
      end if;
      raise exception 'the audit trail is only ever added to' using errcode = 'insufficient_privilege';
    end $$`)
  await sql(`create trigger audit_events_stay before update or delete on audit_events
    for each row execute function refuse_audit_changes()`)
  await sql(`create trigger audit_events_stay_all before truncate on audit_events
    for each statement execute function refuse_audit_changes()`)
  await sql(`
    create function purge_audit_events(older_than timestamptz, most integer) returns integer
    language plpgsql security definer
    set search_path = access_control, pg_temp set registrar.purging = 'on' as $$
    declare
      purged integer;
    begin
      delete from audit_events where id = any (array(
        select e.id from audit_events e where e.occurred_at < older_than order by e.occurred_at limit most));
      get diagnostics purged = row_count;
      return purged;
    end $$`)
  await sql('revoke execute on function purge_audit_events from public')
}
