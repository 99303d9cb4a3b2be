import { randomUUID } from 'node:crypto'
import type { DescMethod } from '@bufbuild/protobuf'
import { MethodOptions_IdempotencyLevel as Level } from '@bufbuild/protobuf/wkt'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { Reason } from '#kit/errors.ts'
import { AuditActor_Kind, type AuditEvent } from '#proto/registrar/audit/v1/audit_event_pb.ts'
import { AuditRow_ActionSchema } from '#proto/registrar/enrollment/v1/audit_row_pb.ts'
import { EnrollmentService } from '#proto/registrar/enrollment/v1/enrollment_service_pb.ts'
import { WriteMode } from '#proto/registrar/enrollment/v1/enrollment_write_pb.ts'
import { batchActions } from './domain/audited-batch.ts'
import { refusalOf } from './testing/calls.ts'
import {
  type EnrollmentClient,
  startTestEnrollment,
  type TestEnrollment,
  withExternalKey,
} from './testing/enrollment.ts'

const { CREATE, CREATE_OR_UPDATE } = WriteMode

let enrollment: TestEnrollment
let partner: EnrollmentClient

beforeAll(async () => {
  enrollment = await startTestEnrollment()
  partner = enrollment.as('partner')
})
afterAll(() => enrollment.stop())

const olderThan = { seconds: 30n * 86_400n }
const as = (requestId: string, more: Record<string, string> = {}) => ({
  headers: { 'x-request-id': requestId, ...more },
})
const eventsOf = async (requestId: string): Promise<AuditEvent[]> =>
  (await enrollment.operator.listAuditEvents({ filter: { requestId } })).events
const rowsOf = async (batchId = '') => {
  const { rows } = await enrollment.operator.listAuditRows({ of: { case: 'batchId', value: batchId } })
  return rows
    .map(({ studentKey, action }) => `${studentKey}: ${AuditRow_ActionSchema.value[action]?.localName}`)
    .toSorted()
}
const items = (status: string, ...keys: string[]) => keys.map((studentKey) => ({ studentKey, status }))

async function makeProgramWith(...keys: string[]): Promise<string> {
  const programKey = enrollment.makeProgram()
  await partner.writeProgramEnrollments({ programKey, mode: CREATE, enrollments: items('enrolled', ...keys) })
  return programKey
}

/** For each RPC that changes something: a change by it, as the request of this id, and what it puts down. */
type Change = (requestId: string) => Promise<{ action: string; after: object; rows: string[] }>
const changes: Record<string, Change> = {
  async WriteProgramEnrollments(requestId) {
    const programKey = await makeProgramWith('ann', 'bob')
    const enrollments = [...items('enrolled', 'ann', 'cyd'), ...items('ended', 'bob'), ...items('x', 'dan')]
    const request = { programKey, mode: CREATE_OR_UPDATE, enrollments }
    await enrollment.operator.writeProgramEnrollments(request, as(requestId))
    const after = { mode: 'create-or-update', rows: 4, accepted: 3, refused: 1 }
    const rows = ['ann: UNCHANGED', 'bob: UPDATED', 'cyd: CREATED', 'dan: REFUSED']
    return { action: 'program_enrollments.written', after, rows }
  },
  async WriteCourseEnrollments(requestId) {
    const programKey = await makeProgramWith('ann')
    const enrollments = items('active', 'ann', 'bob')
    const request = { programKey, courseId: withExternalKey, mode: CREATE, enrollments }
    await enrollment.operator.writeCourseEnrollments(request, as(requestId))
    const after = { mode: 'create', rows: 2, accepted: 1, refused: 1 }
    return { action: 'course_enrollments.written', after, rows: ['ann: CREATED', 'bob: REFUSED'] }
  },
  async LinkAccounts(requestId) {
    const programKey = await makeProgramWith('ann')
    const accounts = ['ann', 'bob'].map((studentKey) => ({ studentKey, username: 'u' }))
    await enrollment.operator.linkAccounts({ programKey, accounts }, as(requestId))
    const after = { rows: 2, accepted: 1, refused: 1 }
    return { action: 'accounts.linked', after, rows: ['ann: LINKED'] }
  },
  async RecordCourseGrades(requestId) {
    const programKey = await makeProgramWith('ann')
    const course = { programKey, courseId: withExternalKey }
    const enrollments = items('active', 'ann')
    await partner.writeCourseEnrollments({ ...course, mode: CREATE, enrollments })
    const outcome = { case: 'error' as const, value: 'no grade' }
    const grades = ['ann', 'bob'].map((studentKey) => ({ studentKey, outcome }))
    await enrollment.operator.recordCourseGrades({ ...course, grades }, as(requestId))
    const after = { rows: 2, accepted: 1, refused: 1 }
    return { action: 'grades.recorded', after, rows: ['ann: GRADED'] }
  },
  async PurgeAuditEvents(requestId) {
    await makeOldBatches(2)
    await enrollment.operator.purgeAuditEvents({ olderThan }, as(requestId))
    return { action: 'audit.purged', after: { rows: 2, accepted: 2, refused: 0 }, rows: [] }
  },
}

async function makeOldBatches(count: number): Promise<void> {
  await enrollment.sql(
    `with old as (
       insert into audit_batches (occurred_at, actor_kind, actor, request_id, action, target, row_count)
       select now() - interval '31 days', 'user', 'gone', 'old', 'program_enrollments.written', 'p', 1
       from generate_series(1, $1::int) returning id, occurred_at)
     , outcome as (insert into audit_outcomes (batch_id, occurred_at) select id, occurred_at from old)
     insert into audit_rows (batch_id, occurred_at, student_key, action) select id, occurred_at, 'old-student', 'created' from old`,
    [count],
  )
}

const changing = (EnrollmentService.methods as DescMethod[])
  .filter(({ idempotency }) => idempotency !== Level.NO_SIDE_EFFECTS)
  .map(({ name }) => name)

describe('every RPC that changes something', () => {
  test.each(changing)('%s puts down one batch: who, by which request, what, and each row', async (rpc) => {
    const requestId = `request-of-${rpc}`
    const { action, after, rows } = await (changes[rpc] as Change)(requestId)
    const events = await eventsOf(requestId)
    expect(events).toMatchObject([
      { actor: { kind: AuditActor_Kind.SERVICE, name: 'operator', via: '' }, requestId, action, after },
    ])
    expect(events[0]?.outcome).toBe('done')
    expect(await rowsOf(events[0]?.id)).toEqual(rows)
    expect(batchActions).toContain(action)
  })

  test('puts down nothing when it is refused', async () => {
    const programKey = await makeProgramWith('ann')
    const request = { programKey, mode: CREATE, enrollments: items('enrolled', 'bob') }
    const stranger = enrollment.as('stranger', { permissions: [] })
    const quiet = as('quiet')
    const refusals = [
      stranger.writeProgramEnrollments(request, quiet),
      partner.writeProgramEnrollments({ ...request, mode: WriteMode.UNSPECIFIED }, quiet),
      partner.writeProgramEnrollments({ ...request, programKey: 'x' }, quiet),
      enrollment.operator.linkAccounts({ programKey, accounts: [{ username: 'x'.repeat(151) }] }, quiet),
    ]
    await Promise.all(refusals.map(refusalOf))
    expect(await eventsOf('quiet')).toEqual([])
  })
})

describe('who did it', () => {
  test('is the owner of the job, for what the jobs worker does', async () => {
    const programKey = enrollment.makeProgram()
    const request = { programKey, mode: CREATE_OR_UPDATE, enrollments: items('enrolled', 'ann') }
    const owner = { 'x-on-behalf-of': encodeURIComponent('Jürgen 学生') }
    await enrollment.worker.writeProgramEnrollments(request, as('job-1', owner))
    expect(await eventsOf('job-1')).toMatchObject([
      { actor: { kind: AuditActor_Kind.USER, name: 'Jürgen 学生', via: 'jobs-worker' } },
    ])
    const { events } = await enrollment.operator.listAuditEvents({ filter: { actor: 'Jürgen 学生' } })
    expect(events).toHaveLength(1)
  })

  test('is who calls, whomever that one names', async () => {
    const programKey = enrollment.makeProgram()
    const request = { programKey, mode: CREATE_OR_UPDATE, enrollments: items('enrolled', 'ann') }
    const lie = as('lie', { 'x-on-behalf-of': 'somebody-else' })
    await partner.writeProgramEnrollments(request, lie)
    await enrollment.operator.writeProgramEnrollments(request, lie)
    expect((await eventsOf('lie')).map(({ actor }) => actor?.name)).toEqual(['operator', 'partner'])
  })
})

describe('the trail', () => {
  test('is told to the operator alone', async () => {
    const of = { case: 'studentKey' as const, value: 'ann' }
    const calls = [partner, enrollment.worker].flatMap((other) => [
      other.listAuditEvents({}),
      other.listAuditRows({ of }),
      other.purgeAuditEvents({ olderThan }),
    ])
    for (const { reason } of await Promise.all(calls.map(refusalOf))) {
      expect(reason).toBe(Reason.PERMISSION_DENIED)
    }
  })

  test('is found by program, organization, learner, action and time, and refuses what can be found nowhere', async () => {
    const programKey = await makeProgramWith('zoe')
    const programId = enrollment.uuidOf(programKey)
    const { organizationId } = enrollment.catalog.programs.get(programKey) ?? { organizationId: '' }
    const now = BigInt(Math.floor(Date.now() / 1000))
    const all = { programId, organizationId, action: 'program_enrollments.written', target: programKey }
    const of = { case: 'studentKey' as const, value: 'zoe' }
    const count = async (filter: object) => [
      (await enrollment.operator.listAuditEvents({ filter: { programId, ...filter } })).events.length,
      (await enrollment.operator.listAuditRows({ of, filter: { programId, ...filter } })).rows.length,
    ]
    expect(await count({ ...all, since: { seconds: now - 60n }, until: { seconds: now + 60n } })).toEqual([
      1, 1,
    ])
    const others = [
      { programId: randomUUID() },
      { organizationId: randomUUID() },
      { action: 'grades.recorded' },
      { until: { seconds: now - 60n } },
      { since: { seconds: now + 60n } },
    ]
    for (const other of others) expect(await count({ ...all, ...other })).toEqual([0, 0])
    const wrong = [
      enrollment.operator.listAuditRows({}),
      enrollment.operator.listAuditRows({ of: { case: 'batchId', value: 'x' } }),
      enrollment.operator.listAuditRows({ of: { case: 'studentKey', value: '\0' } }),
      enrollment.operator.listAuditEvents({ filter: { programId: 'x' } }),
      enrollment.operator.purgeAuditEvents({ olderThan: { seconds: 86_400n } }),
    ]
    for (const { reason } of await Promise.all(wrong.map(refusalOf))) {
      expect(reason).toBe(Reason.INVALID_ARGUMENT)
    }
  })

  test('comes in pages that cost the same at the end as at the beginning', async () => {
    const programKey = enrollment.makeProgram()
    const keys = Array.from({ length: 10_000 }, (_, index) => `paged-${index}`)
    for (let start = 0; start < keys.length; start += 2_500) {
      const enrollments = items('enrolled', ...keys.slice(start, start + 2_500))
      await enrollment.worker.writeProgramEnrollments({ programKey, mode: CREATE, enrollments }, as('paged'))
    }
    const seen: string[] = []
    for (const { id } of await eventsOf('paged')) {
      let pageToken = ''
      do {
        const of = { case: 'batchId' as const, value: id }
        const page = await enrollment.operator.listAuditRows({ of, pageSize: 1_000, pageToken })
        expect(page.batches.map((batch) => batch.id)).toEqual([id])
        seen.push(...page.rows.map(({ studentKey }) => studentKey))
        pageToken = page.nextPageToken
      } while (pageToken !== '')
    }
    expect(seen).toHaveLength(10_000)
    expect(new Set(seen)).toEqual(new Set(keys))
    await enrollment.sql('analyze audit_rows')
    const [{ id: batchId } = {}] = await eventsOf('paged')
    const pageFrom = async (id: string) => {
      const [row] = await enrollment.sql<{ 'QUERY PLAN': [{ Plan: { 'Shared Hit Blocks': number } }] }>(
        `explain (analyze, buffers, format json) select r.id from audit_rows r
         where r.batch_id = $1 and (r.batch_id, r.id) < ($1, $2) order by r.batch_id desc, r.id desc limit 101`,
        [batchId, id],
      )
      return row?.['QUERY PLAN'][0].Plan['Shared Hit Blocks'] ?? 0
    }
    const [{ last } = { last: '0' }] = await enrollment.sql<{ last: string }>(
      'select min(id) + 200 as last from audit_rows where batch_id = $1',
      [batchId],
    )
    expect(await pageFrom('999999999')).toBeLessThan(50)
    expect(await pageFrom(last)).toBeLessThan(50)
  })

  test.each(['audit_batches', 'audit_outcomes', 'audit_rows'])(
    'refuses changes of %s, as the service’s own role',
    async (table) => {
      await makeProgramWith('ann')
      await enrollment.sql('insert into audit_outcomes (batch_id) values (0) on conflict do nothing')
      const [before] = await enrollment.sql(`select count(*)::int from ${table}`)
      for (const statement of [
        `update ${table} set occurred_at = now()`,
        `delete from ${table}`,
        `truncate ${table}`,
      ]) {
        await expect(enrollment.sql(statement)).rejects.toMatchObject({ code: '42501' })
      }
      const transaction = await enrollment.begin()
      await transaction.sql(`set local registrar.purging = 'on'`)
      await expect(transaction.sql(`delete from ${table}`)).rejects.toMatchObject({ code: '42501' })
      await transaction.rollback()
      expect(await enrollment.sql(`select count(*)::int from ${table}`)).toEqual([before])
    },
  )

  test('has nothing of a batch that was rolled back, and nothing is written that it has not', async () => {
    const programKey = await makeProgramWith()
    await enrollment.sql(`
      create function refuse_rows() returns trigger language plpgsql as $$
      begin if new.student_key = 'cursed' then raise exception 'no'; end if; return new; end $$;
      create trigger refuse_rows before insert on audit_rows for each row execute function refuse_rows()`)
    const enrollments = items('enrolled', 'ann', 'cursed')
    const failed = partner.writeProgramEnrollments({ programKey, mode: CREATE, enrollments }, as('lost'))
    expect((await refusalOf(failed)).reason).toBe(Reason.INTERNAL)
    await enrollment.sql('drop trigger refuse_rows on audit_rows')
    expect(await eventsOf('lost')).toEqual([])
    expect((await partner.listProgramEnrollments({ programKey })).enrollments).toEqual([])
  })

  test('lets go of what is old, rows and all, and of nothing younger', async () => {
    await makeOldBatches(501)
    const count = async () =>
      (await enrollment.sql(`select from audit_rows where student_key <> 'old-student'`)).length
    const young = await count()
    const purge = () => enrollment.operator.purgeAuditEvents({ olderThan })
    expect(await purge()).toMatchObject({ purged: 500, more: true })
    expect(await purge()).toMatchObject({ purged: 1, more: false })
    expect(await purge()).toMatchObject({ purged: 0, more: false })
    expect(await enrollment.sql(`select from audit_rows where student_key = 'old-student'`)).toEqual([])
    expect(await count()).toBe(young)
  })
})
