import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { AccessControlService } from '#proto/registrar/accesscontrol/v1/access_control_service_pb.ts'
import { AuditActor_Kind } from '#proto/registrar/audit/v1/audit_event_pb.ts'
import { CatalogService } from '#proto/registrar/catalog/v1/catalog_service_pb.ts'
import { AuditRow_Action } from '#proto/registrar/enrollment/v1/audit_row_pb.ts'
import { EnrollmentService } from '#proto/registrar/enrollment/v1/enrollment_service_pb.ts'
import { type FakeServices, startFakeServices } from '../testing/fake-services.ts'
import { type Outcome, runRegistrar } from '../testing/run-registrar.ts'

const accessControl = AccessControlService.method
const enrollment = EnrollmentService.method
let services: FakeServices

beforeAll(async () => {
  services = await startFakeServices()
})
beforeEach(() => services.reset())
afterAll(() => services.stop())

const run = (...args: string[]): Promise<Outcome> => runRegistrar(args, services.env)
const requests = () => services.calls.map(({ rpc, request }) => [rpc, request])
const at = (second: number) => ({ seconds: 1_700_000_000n + BigInt(second) })

const granted = (second: number) => ({
  id: String(second),
  time: at(second),
  actor: { kind: AuditActor_Kind.SERVICE, name: 'operator' },
  requestId: `r${second}`,
  action: 'permission.granted',
  target: { kind: 'user', name: 'maria' },
  programId: '0b000000-0000-4000-8000-0000000000aa',
  after: { permission: 'read_reports' },
  outcome: 'done',
})
const written = (second: number, outcome = 'done') => ({
  id: String(second),
  time: at(second),
  actor: { kind: AuditActor_Kind.USER, name: 'maria', via: 'jobs-worker' },
  requestId: `j${second}`,
  action: 'program_enrollments.written',
  target: { kind: 'program', name: 'masters' },
  programId: 'p',
  programKey: 'masters',
  organizationId: 'o',
  organizationKey: 'school',
  after: { rows: 2 },
  outcome,
})
const row = (batch: number, studentKey: string, more: object) => ({
  batchId: String(batch),
  time: at(batch),
  studentKey,
  askedStatus: 'enrolled',
  ...more,
})

describe('audit', () => {
  test('tells what both services have put down, newest first', async () => {
    services.answer(accessControl.listAuditEvents, () => ({ events: [granted(3), granted(1)] }))
    services.answer(enrollment.listAuditEvents, () => ({ events: [written(2), written(0, 'unknown')] }))

    expect(await run('audit')).toEqual({
      exitCode: 0,
      stdout: [
        'TIME                      WHO                  DID                          TO               WHAT                                                                     REQUEST',
        '2023-11-14T22:13:23.000Z  operator             permission.granted           user maria       permission=read_reports on program 0b000000-0000-4000-8000-0000000000aa  r3',
        '2023-11-14T22:13:22.000Z  maria (jobs-worker)  program_enrollments.written  program masters  rows=2                                                                   j2',
        '2023-11-14T22:13:21.000Z  operator             permission.granted           user maria       permission=read_reports on program 0b000000-0000-4000-8000-0000000000aa  r1',
        '2023-11-14T22:13:20.000Z  maria (jobs-worker)  program_enrollments.written  program masters  rows=2 unknown                                                           j0',
        '',
      ].join('\n'),
      stderr: '',
    })
  })

  test('looks for what it is told to', async () => {
    services.answer(CatalogService.method.getProgram, () => ({ program: { id: 'program-id' } }))
    services.answer(CatalogService.method.getOrganization, () => ({
      organization: { id: 'organization-id' },
    }))
    services.answer(accessControl.listAuditEvents, () => ({}))
    services.answer(enrollment.listAuditEvents, () => ({}))
    const where = ['--program', 'masters', '--organization', 'school']
    const who = ['--actor', 'maria', '--action', 'a.b', '--target', 't', '--job', 'j1']
    const when = ['--since', '2026-11-01', '--until', '2026-11-02T12:00']
    const { stdout } = await run('audit', ...where, ...who, ...when, '--json')

    expect(JSON.parse(stdout)).toEqual([])
    const filter = {
      actor: 'maria',
      organizationId: 'organization-id',
      programId: 'program-id',
      action: 'a.b',
      target: 't',
      requestId: 'j1',
      since: '2026-11-01T00:00:00Z',
      until: '2026-11-02T12:00:00Z',
    }
    expect(requests().filter(([rpc]) => rpc === 'ListAuditEvents')).toEqual([
      ['ListAuditEvents', { filter, pageSize: 1_000 }],
      ['ListAuditEvents', { filter, pageSize: 1_000 }],
    ])
  })

  test('tells what was written about a learner', async () => {
    services.answer(enrollment.listAuditRows, () => ({
      rows: [
        row(2, 's-001', { action: AuditRow_Action.UPDATED, outcome: 'enrolled', previousStatus: 'pending' }),
        row(1, 's-001', { action: AuditRow_Action.REFUSED, outcome: 'conflict' }),
        row(0, 's-001', { action: AuditRow_Action.ASKED, courseStaff: true }),
      ],
      batches: [written(2), { ...written(1), courseKey: 'course-v1:A+B+C' }, written(0, 'unknown')],
    }))
    const { stdout } = await run('audit', '--student', 's-001', '--actor', 'maria')

    expect(
      stdout
        .split('\n')
        .slice(1, 4)
        .map((line) => line.split(/ {2,}/).slice(2, 5)),
    ).toEqual([
      ['updated', 'student s-001', 'pending → enrolled in masters'],
      ['refused', 'student s-001', 'conflict (asked: enrolled) in masters course-v1:A+B+C'],
      ['asked', 'student s-001', 'enrolled? staff=true in masters'],
    ])
    expect(requests()).toEqual([
      ['ListAuditRows', { studentKey: 's-001', filter: { actor: 'maria' }, pageSize: 1_000 }],
    ])
  })

  test('tells the rows of each batch behind it', async () => {
    services.answer(accessControl.listAuditEvents, () => ({ events: [granted(1)] }))
    services.answer(enrollment.listAuditEvents, () => ({ events: [written(2)] }))
    services.answer(enrollment.listAuditRows, ({ of }) => ({
      rows: [row(2, 's-001', { action: AuditRow_Action.CREATED, outcome: 'enrolled' })],
      batches: of.case === 'batchId' && of.value === '2' ? [written(2)] : [],
    }))
    const { stdout } = await run('audit', '--rows', '--json')

    expect(JSON.parse(stdout)).toMatchObject([
      { service: 'enrollment', action: 'program_enrollments.written', program_key: 'masters' },
      { service: 'enrollment', row: { student_key: 's-001', action: 'ACTION_CREATED' } },
      { service: 'access-control', action: 'permission.granted', after: { permission: 'read_reports' } },
    ])
  })

  test('reads pages until the limit', async () => {
    services.answer(accessControl.listAuditEvents, () => ({}))
    services.answer(enrollment.listAuditEvents, ({ pageToken }) => ({
      events: Array.from({ length: 1_000 }, (_, index) => written(5_000 - index)),
      nextPageToken: `${pageToken}+`,
    }))
    const { stdout } = await run('audit', '--limit', '1500', '--json')

    expect(JSON.parse(stdout)).toHaveLength(1_500)
    expect(requests()).toHaveLength(3)
  })

  test.each([
    [['--since', 'yesterday']],
    [['--until', '2026-13-01']],
    [['--limit', '0']],
    [['--request', 'a', '--job', 'b']],
  ])('refuses %j', async (options) => {
    expect((await run('audit', ...options)).exitCode).toBe(2)
    expect(services.calls).toEqual([])
  })
})

describe('audit purge', () => {
  test('goes on until nothing is left that is so old', async () => {
    let left = 2
    services.answer(accessControl.purgeAuditEvents, () => ({ purged: 10, more: --left > 0 }))
    services.answer(enrollment.purgeAuditEvents, () => ({ purged: 3 }))

    expect(await run('audit', 'purge', '--older-than', '400d')).toEqual({
      exitCode: 0,
      stdout: '20 events of access-control and 3 batches of enrollments were removed.\n',
      stderr: '',
    })
    expect(requests()).toEqual(Array(3).fill(['PurgeAuditEvents', { olderThan: '34560000s' }]))
  })

  test.each([[[]], [['--older-than', 'long ago']]])('refuses %j', async (options) => {
    expect((await run('audit', 'purge', ...options)).exitCode).toBe(2)
    expect(services.calls).toEqual([])
  })
})
