import type { DescMethod } from '@bufbuild/protobuf'
import { MethodOptions_IdempotencyLevel as Level } from '@bufbuild/protobuf/wkt'
import { Client as PostgresClient } from 'pg'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { AccessControlService } from '#proto/registrar/accesscontrol/v1/access_control_service_pb.ts'
import { Permission } from '#proto/registrar/accesscontrol/v1/permission_pb.ts'
import type { AuditEvent } from '#proto/registrar/audit/v1/audit_event_pb.ts'
import { AuditActor_Kind } from '#proto/registrar/audit/v1/audit_event_pb.ts'
import { auditActions } from './domain/audit-actions.ts'
import { reasonFor } from './testing/refusals.ts'
import { organization, program } from './testing/resources.ts'
import { startService, type TestService } from './testing/start-service.ts'

let service: TestService

beforeAll(async () => {
  service = await startService()
})
afterAll(() => service.stop())

let number = 0
const name = (kind: string) => `${kind}-${++number}`
const programId = '0b000000-0000-4000-8000-0000000000aa'
const organizationId = '0a000000-0000-4000-8000-0000000000aa'
const olderThan = { seconds: 30n * 86_400n }
const as = (requestId: string) => ({ headers: { 'x-request-id': requestId } })

const eventsOf = async (requestId: string): Promise<AuditEvent[]> =>
  (await service.operator.listAuditEvents({ filter: { requestId } })).events
/** What an event says, without when and by whom. */
const told = ({ action, target, before, after }: AuditEvent) => ({
  action,
  target: `${target?.kind} ${target?.name}`,
  ...(before && { before }),
  ...(after && { after }),
})

/** For each RPC that changes something: a change by it, as the request of this id, and the event that it makes. */
type Change = (requestId: string) => Promise<ReturnType<typeof told>>
const changes: Record<string, Change> = {
  async CreateUser(requestId) {
    const username = name('user')
    const groupName = name('group')
    await service.operator.createGroup({ name: groupName })
    await service.operator.createUser({ username, email: 'a@b.c', groupNames: [groupName] }, as(requestId))
    const after = { email: 'a@b.c', staff: false, superuser: false, groups: [groupName] }
    return { action: 'user.created', target: `user ${username}`, after }
  },
  async UpdateUser(requestId) {
    const username = name('user')
    await service.operator.createUser({ username, email: 'a@b.c' })
    await service.operator.updateUser({ username, active: false, email: 'a@b.c' }, as(requestId))
    const changed = { before: { active: true }, after: { active: false } }
    return { action: 'user.updated', target: `user ${username}`, ...changed }
  },
  async CreateGroup(requestId) {
    const group = name('group')
    const role = 'program_read_metadata'
    await service.operator.createGroup({ name: group, role, resource: program(programId) }, as(requestId))
    const after = { name: group, role, resource: { kind: 'program', id: programId } }
    return { action: 'group.created', target: `group ${group}`, after }
  },
  async UpdateGroup(requestId) {
    const group = name('group')
    const [was, is] = ['organization_read_metadata', 'organization_read_reports']
    await service.operator.createGroup({ name: group, role: was, resource: organization(organizationId) })
    await service.operator.updateGroup({ name: group, newName: `${group}!`, role: is }, as(requestId))
    const resource = { kind: 'organization', id: organizationId }
    const before = { name: group, role: was, resource }
    return {
      action: 'group.updated',
      target: `group ${group}`,
      before,
      after: { name: `${group}!`, role: is, resource },
    }
  },
  async DeleteGroup(requestId) {
    const groupName = name('group')
    const username = name('user')
    await service.operator.createGroup({ name: groupName })
    await service.operator.createUser({ username, groupNames: [groupName] })
    await service.operator.inviteByEmail({ email: 'later@b.c', groupName })
    const subject = { case: 'groupName' as const, value: groupName }
    await service.operator.grantPermission({ permission: Permission.JOB_GLOBAL_READ, subject })
    await service.operator.deleteGroup({ name: groupName }, as(requestId))
    const permission = { permission: 'job_global_read', resource_id: null, resource_kind: null }
    const hung = { members: [username], permissions: [permission], flags: [], invitations: 1 }
    return { action: 'group.deleted', target: `group ${groupName}`, before: { role: null, ...hung } }
  },
  async AddGroupMember(requestId) {
    const pair = await makePair()
    await service.operator.addGroupMember(pair, as(requestId))
    const after = { member: pair.username, by: 'call' }
    return { action: 'member.added', target: `group ${pair.groupName}`, after }
  },
  async RemoveGroupMember(requestId) {
    const pair = await makePair()
    await service.operator.addGroupMember(pair)
    await service.operator.removeGroupMember(pair, as(requestId))
    return {
      action: 'member.removed',
      target: `group ${pair.groupName}`,
      before: { member: pair.username },
    }
  },
  async InviteByEmail(requestId) {
    const { groupName } = await makePair()
    const email = `${groupName}@school.example`
    await service.operator.inviteByEmail({ email, groupName }, as(requestId))
    return { action: 'member.invited', target: `group ${groupName}`, after: { email } }
  },
  async GrantPermission(requestId) {
    const grant = await makeGrant()
    await service.operator.grantPermission(grant, as(requestId))
    const after = { permission: 'read_reports' }
    return { action: 'permission.granted', target: `user ${grant.subject.value}`, after }
  },
  async RevokePermission(requestId) {
    const grant = await makeGrant()
    await service.operator.grantPermission(grant)
    await service.operator.revokePermission(grant, as(requestId))
    const before = { permission: 'read_reports' }
    return { action: 'permission.revoked', target: `user ${grant.subject.value}`, before }
  },
  async SetFlag(requestId) {
    const flag = 'enable_course_role_management'
    const { groupName } = await makePair()
    const subject = { case: 'groupName' as const, value: groupName }
    await service.operator.setFlag({ flag, subject, enabled: true }, as(requestId))
    return { action: 'flag.enabled', target: `group ${groupName}`, after: { flag } }
  },
  async PurgeAuditEvents(requestId) {
    await makeOldEvent()
    await service.operator.purgeAuditEvents({ olderThan }, as(requestId))
    const after = { events: 1, older_than_seconds: Number(olderThan.seconds) }
    return { action: 'audit.purged', target: 'audit access-control', after }
  },
}

async function makePair() {
  const pair = { username: name('user'), groupName: name('group') }
  await service.operator.createUser({ username: pair.username })
  await service.operator.createGroup({ name: pair.groupName })
  return pair
}

async function makeGrant() {
  const { username } = await makePair()
  const subject = { case: 'username' as const, value: username }
  return { permission: Permission.READ_REPORTS, subject, resource: program(programId) }
}

async function makeOldEvent(): Promise<void> {
  const database = new PostgresClient({ connectionString: service.databaseUrl })
  await database.connect()
  await database.query(
    `insert into access_control.audit_events (occurred_at, actor_kind, actor, request_id, action, target_kind, target)
     values (now() - interval '31 days', 'service', 'operator', 'old', 'user.created', 'user', 'old')`,
  )
  await database.end()
}

const changing = (AccessControlService.methods as DescMethod[])
  .filter(({ idempotency }) => idempotency !== Level.NO_SIDE_EFFECTS)
  .map((method) => method.name)

describe('every RPC that changes something', () => {
  test.each(changing)('%s puts down one event: who, by which request, what', async (rpc) => {
    const requestId = `request-of-${rpc}`
    const expected = await (changes[rpc] as Change)(requestId)
    const events = await eventsOf(requestId)
    expect(events.map(told)).toEqual([expected])
    expect(events[0]).toMatchObject({
      actor: { kind: AuditActor_Kind.SERVICE, name: 'operator', via: '' },
      requestId,
      outcome: 'done',
    })
    expect(auditActions).toContain(expected.action)
  })

  test('puts down nothing when it changes nothing', async () => {
    const quiet = as('quiet')
    const { operator } = service
    const pair = await makePair()
    const grant = await makeGrant()
    const flag = { flag: 'enable_course_role_management', subject: grant.subject, enabled: false }
    await operator.addGroupMember(pair)
    await operator.grantPermission(grant)
    await operator.addGroupMember(pair, quiet)
    await operator.grantPermission(grant, quiet)
    await operator.setFlag(flag, quiet)
    await operator.updateUser({ username: pair.username, active: true }, quiet)
    await operator.updateGroup({ name: pair.groupName }, quiet)
    const refused = [
      operator.createUser({ username: pair.username }, quiet),
      operator.createUser({ username: 'nobody', groupNames: ['no-such-group'] }, quiet),
      operator.createGroup({ name: pair.groupName }, quiet),
      operator.deleteGroup({ name: 'no-such-group' }, quiet),
      operator.removeGroupMember({ ...pair, username: String(grant.subject.value) }, quiet),
      operator.revokePermission({ ...grant, permission: Permission.READ_METADATA }, quiet),
    ]
    expect(await Promise.all(refused.map(reasonFor))).not.toContain(undefined)
    expect(await eventsOf('quiet')).toEqual([])
  })

  test('names the superuser who called', async () => {
    await service.operator.createUser({ username: 'root', superuser: true })
    const group = name('group')
    await service.asUser('root').createGroup({ name: group }, as('by-root'))
    expect(await eventsOf('by-root')).toMatchObject([
      { actor: { kind: AuditActor_Kind.USER, name: 'root', via: '' }, target: { name: group } },
    ])
  })

  test('believes nobody but the jobs worker who is meant', async () => {
    const meant = { headers: { 'x-request-id': 'meant', 'x-on-behalf-of': 'somebody' } }
    await service.operator.createGroup({ name: name('group') }, meant)
    expect(await eventsOf('meant')).toMatchObject([{ actor: { name: 'operator', via: '' } }])
  })
})

describe('a token', () => {
  test('that is seen first, or tells something new, is put down with what comes of it', async () => {
    await service.operator.createGroup({ name: 'promised' })
    await service.operator.inviteByEmail({ email: 'mia@school.example', groupName: 'promised' })
    const claims = { email: 'mia@school.example' }
    await service.asUser('mia', claims).getCaller({}, as('mia-1'))
    await service.asUser('mia', claims).getCaller({}, as('mia-2'))
    await service.asUser('mia', { ...claims, administrator: true }).getCaller({}, as('mia-3'))

    expect((await eventsOf('mia-1')).map(told).toSorted((a, b) => a.action.localeCompare(b.action))).toEqual([
      { action: 'member.added', target: 'group promised', after: { member: 'mia', by: 'invitation' } },
      {
        action: 'user.created',
        target: 'user mia',
        after: { email: 'mia@school.example', staff: false, by: 'token' },
      },
    ])
    expect(await eventsOf('mia-2')).toEqual([])
    expect((await eventsOf('mia-3')).map(told)).toEqual([
      {
        action: 'user.updated',
        target: 'user mia',
        before: { staff: false },
        after: { staff: true, by: 'token' },
      },
    ])
    expect((await eventsOf('mia-3'))[0]?.actor).toMatchObject({ kind: AuditActor_Kind.USER, name: 'mia' })
  })

  test('that comes twenty times at once is put down once', async () => {
    const client = service.asUser('rush', { email: 'rush@school.example' })
    await Promise.all(Array.from({ length: 20 }, () => client.getCaller({}, as('rush'))))
    expect((await eventsOf('rush')).map(({ action }) => action)).toEqual(['user.created'])
  })
})
