import { randomBytes } from 'node:crypto'
import { Client as PostgresClient } from 'pg'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { Permission } from '#proto/registrar/accesscontrol/v1/permission_pb.ts'
import { reasonFor } from './testing/refusals.ts'
import { program } from './testing/resources.ts'
import { startService, type TestService } from './testing/start-service.ts'

let service: TestService
let database: PostgresClient

beforeAll(async () => {
  service = await startService()
  database = new PostgresClient({
    connectionString: service.databaseUrl,
    options: '-c search_path=access_control',
  })
  await database.connect()
})
afterAll(async () => {
  await database.end()
  await service.stop()
})

const programId = '0b000000-0000-4000-8000-0000000000aa'
const organizationId = '0a000000-0000-4000-8000-0000000000aa'
const olderThan = { seconds: 30n * 86_400n }
const as = (requestId: string) => ({ headers: { 'x-request-id': requestId } })
const eventsOf = async (requestId: string) =>
  (await service.operator.listAuditEvents({ filter: { requestId } })).events

describe('the trail', () => {
  test.each([
    ['update', `update audit_events set actor = 'nobody'`],
    ['delete', 'delete from audit_events'],
    ['truncate', 'truncate audit_events'],
    ['delete, young,', `set registrar.purging = 'on'; delete from audit_events`],
  ])('refuses to be changed by %s, as the service’s own role', async (_, statement) => {
    await service.operator.createGroup({ name: `group of ${statement}` })
    const count = async () => (await database.query('select count(*)::int from audit_events')).rows[0]
    const before = await count()
    await expect(database.query(statement)).rejects.toMatchObject({ code: '42501' })
    await database.query('reset registrar.purging')
    expect(await count()).toEqual(before)
  })

  test('can be added to and purged by a role that may do no more', async () => {
    const role = `scribe_${randomBytes(4).toString('hex')}`
    await database.query(`
      create role ${role}; grant usage on schema access_control to ${role};
      grant select, insert on access_control.audit_events to ${role};
      grant execute on function access_control.purge_audit_events to ${role}; set role ${role}`)
    try {
      await database.query(
        `insert into audit_events (occurred_at, actor_kind, actor, request_id, action, target_kind, target)
         values (now() - interval '31 days', 'service', 'operator', 'by-role', 'user.created', 'user', 'u')`,
      )
      const trick = `set registrar.purging = 'on'; delete from audit_events where request_id = 'by-role'`
      await expect(database.query(trick)).rejects.toMatchObject({ code: '42501' })
      const { rows } = await database.query(
        `select purge_audit_events(now() - interval '30 days', 10) as purged`,
      )
      expect(rows).toEqual([{ purged: 1 }])
    } finally {
      await database.query(`reset role; reset registrar.purging; drop owned by ${role}; drop role ${role}`)
    }
  })

  test('keeps no event of a change that was rolled back', async () => {
    const username = 'unlucky'
    await service.operator.createUser({ username })
    // Whatever else fails in a statement takes its event with it.
    await database.query(`
      create function refuse_one() returns trigger language plpgsql as $$
      begin if new.username = '${username}' and not new.active then raise exception 'no'; end if; return new; end $$;
      create trigger refuse_one after update on users for each row execute function refuse_one()`)
    expect(await reasonFor(service.operator.updateUser({ username, active: false }, as('lost')))).toBe(
      'INTERNAL',
    )
    await database.query('drop trigger refuse_one on users')
    expect(await eventsOf('lost')).toEqual([])
  })

  test('is told to operators and superusers, and purged by the operator alone', async () => {
    await service.operator.createUser({ username: 'admin', staff: true })
    const others = [service.asUser('partner'), service.asUser('admin'), service.asService('jobs-worker')]
    for (const other of others) expect(await reasonFor(other.listAuditEvents({}))).toBe('PERMISSION_DENIED')
    await service.operator.createUser({ username: 'owner', superuser: true })
    expect((await service.asUser('owner').listAuditEvents({})).events.length).toBeGreaterThan(0)
    for (const other of [...others, service.asUser('owner')]) {
      expect(await reasonFor(other.purgeAuditEvents({ olderThan }))).toBe('PERMISSION_DENIED')
    }
  })

  test('is found by actor, resource, action, target and time', async () => {
    const since = { seconds: BigInt(Math.floor(Date.now() / 1000)) - 1n }
    const target = 'grantee'
    await service.operator.createUser({ username: target })
    const subject = { case: 'username' as const, value: target }
    const permission = Permission.READ_REPORTS
    await service.operator.grantPermission({ permission, subject, resource: program(programId) }, as('found'))
    const all = {
      actor: 'operator',
      programId,
      action: 'permission.granted',
      target,
      requestId: 'found',
      since,
    }
    const find = async (filter: object) =>
      (await service.operator.listAuditEvents({ filter: { target, ...filter } })).events.filter(
        ({ action }) => action === 'permission.granted',
      ).length
    expect(await find(all)).toBe(1)
    for (const other of [
      { actor: 'somebody' },
      { programId: organizationId },
      { organizationId },
      { action: 'x' },
      { target: 'x' },
      { requestId: 'x' },
      { since: { seconds: since.seconds + 3_600n } },
      { until: since },
    ]) {
      expect(await find({ ...all, ...other })).toBe(0)
    }
    for (const wrong of [{ programId: 'x' }, { organizationId: 'x' }, { actor: '\0' }]) {
      expect(await reasonFor(service.operator.listAuditEvents({ filter: wrong }))).toBe('INVALID_ARGUMENT')
    }
  })

  test('comes in pages, newest first, each event once, and as fast at the end as at the beginning', async () => {
    await database.query(
      `insert into audit_events (occurred_at, actor_kind, actor, request_id, action, target_kind, target)
       select now() - (n / 3) * interval '1 microsecond', 'user', 'paged', n::text, 'user.created', 'user', 'u'
       from generate_series(1, 10000) n`,
    )
    const seen: string[] = []
    let pageToken = ''
    do {
      const page = await service.operator.listAuditEvents({
        filter: { actor: 'paged' },
        pageSize: 1_000,
        pageToken,
      })
      seen.push(...page.events.map(({ requestId }) => requestId))
      pageToken = page.nextPageToken
    } while (pageToken !== '')
    expect(new Set(seen).size).toBe(10_000)
    expect(seen).toHaveLength(10_000)
    expect(seen.slice(0, 2).toSorted()).toEqual(['1', '2'])
    await database.query('analyze audit_events')
    const plan = await database.query(
      `explain (analyze, format json) select id from audit_events
       where actor = 'paged' and (occurred_at, id) < (now() - interval '3 milliseconds', 0)
       order by occurred_at desc, id desc limit 101`,
    )
    expect(JSON.stringify(plan.rows)).not.toMatch(/"Sort"|"Seq Scan"/)
    expect(await reasonFor(service.operator.listAuditEvents({ pageToken: 'x' }))).toBe('PAGE_TOKEN_INVALID')
  })

  test('lets go of what is old, in steps, and of nothing that is younger than 30 days', async () => {
    await database.query(
      `insert into audit_events (occurred_at, actor_kind, actor, request_id, action, target_kind, target)
       select now() - interval '31 days', 'service', 'operator', 'old', 'user.created', 'user', 'old'
       from generate_series(1, 10001)`,
    )
    const purge = () => service.operator.purgeAuditEvents({ olderThan })
    expect(await purge()).toMatchObject({ purged: 10_000, more: true })
    expect(await purge()).toMatchObject({ purged: 1, more: false })
    expect(await purge()).toMatchObject({ purged: 0, more: false })
    expect(await eventsOf('old')).toEqual([])
    for (const seconds of [0n, 30n * 86_400n - 1n, -1n]) {
      expect(await reasonFor(service.operator.purgeAuditEvents({ olderThan: { seconds } }))).toBe(
        'INVALID_ARGUMENT',
      )
    }
  })
})
