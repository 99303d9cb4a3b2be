import { afterAll, afterEach, beforeAll, expect, test } from 'vitest'
import { type LmsStandIn, startLms } from '#edx/lms.ts'
import { Reason } from '#kit/errors.ts'
import { AuditRow_Action } from '#proto/registrar/enrollment/v1/audit_row_pb.ts'
import { WriteMode } from '#proto/registrar/enrollment/v1/enrollment_write_pb.ts'
import { refusalOf } from '../../testing/calls.ts'
import { startTestEnrollment, type TestEnrollment } from '../../testing/enrollment.ts'

let lms: LmsStandIn
let enrollment: TestEnrollment

beforeAll(async () => {
  lms = await startLms()
  const { key, secret } = lms.tokens.client
  enrollment = await startTestEnrollment({
    logLevel: 'silent',
    env: {
      LMS_BASE_URL: lms.url,
      BACKEND_SERVICE_EDX_OAUTH2_KEY: key,
      BACKEND_SERVICE_EDX_OAUTH2_SECRET: secret,
    },
  })
})
afterEach(() => lms.faults.reset())
afterAll(async () => {
  await enrollment.stop()
  await lms.close()
})

function makeProgram(): string {
  const programKey = enrollment.makeProgram()
  lms.state.addProgram(enrollment.uuidOf(programKey), [])
  return programKey
}

function write(programKey: string, requestId: string, count: number, mode = WriteMode.CREATE) {
  const enrollments = Array.from({ length: count }, (_, index) => ({
    studentKey: `${requestId}-${index}`,
    status: 'enrolled',
  }))
  const options = { headers: { 'x-request-id': requestId } }
  return enrollment.operator.writeProgramEnrollments({ programKey, mode, enrollments }, options)
}

const batchesOf = async (requestId: string) =>
  (await enrollment.operator.listAuditEvents({ filter: { requestId } })).events
const rowsOf = async (batchId = '') =>
  (await enrollment.operator.listAuditRows({ of: { case: 'batchId', value: batchId } })).rows

test('what the LMS is asked is put down before, and what it answers after', async () => {
  lms.faults.set({ latencyMs: 1_500, only: 'enrollments', tokensToo: false })
  const writing = write(makeProgram(), 'slow', 2)
  await expect.poll(() => batchesOf('slow'), { interval: 50 }).toMatchObject([{ outcome: 'unknown' }])
  const [begun] = await batchesOf('slow')
  expect(begun?.after).toEqual({ mode: 'create', rows: 2 })
  expect(await rowsOf(begun?.id)).toMatchObject([
    { action: AuditRow_Action.ASKED, askedStatus: 'enrolled', outcome: '' },
    { action: AuditRow_Action.ASKED, askedStatus: 'enrolled', outcome: '' },
  ])
  await writing
  expect(await batchesOf('slow')).toMatchObject([
    { outcome: 'done', after: { rows: 2, accepted: 2, refused: 0 } },
  ])
  expect(await rowsOf(begun?.id)).toMatchObject([
    { action: AuditRow_Action.ACCEPTED, outcome: 'enrolled' },
    { action: AuditRow_Action.ACCEPTED, outcome: 'enrolled' },
  ])
})

test('a batch whose answer is lost tells by what, and the batches before it what came of them', async () => {
  const programKey = makeProgram()
  let batches = 0
  lms.quirks.editWrite = (answer) => (++batches === 2 ? { status: 500, body: '' } : answer)
  expect((await refusalOf(write(programKey, 'failing', 60))).reason).toBe(Reason.UPSTREAM_FAILED)
  lms.quirks.editWrite = undefined
  const [second, first, ...more] = await batchesOf('failing')
  expect(more).toEqual([])
  expect(first).toMatchObject({ outcome: 'done', after: { rows: 25, accepted: 25 } })
  expect(second).toMatchObject({ outcome: 'UPSTREAM_FAILED', after: { rows: 25 } })
  expect(new Set((await rowsOf(second?.id)).map(({ action }) => action))).toEqual(
    new Set([AuditRow_Action.ASKED]),
  )
})

test('a caller who goes away takes nothing from the trail', async () => {
  lms.faults.set({ latencyMs: 1_000, only: 'enrollments', tokensToo: false })
  const programKey = makeProgram()
  const leaving = new AbortController()
  const left = enrollment.operator
    .writeProgramEnrollments(
      { programKey, mode: WriteMode.CREATE, enrollments: [{ studentKey: 'ann', status: 'enrolled' }] },
      { headers: { 'x-request-id': 'leaving' }, signal: leaving.signal },
    )
    .catch(() => 'left')
  await expect.poll(() => batchesOf('leaving'), { interval: 50 }).toHaveLength(1)
  leaving.abort()
  expect(await left).toBe('left')
  await expect
    .poll(async () => (await batchesOf('leaving'))[0]?.outcome, { interval: 50 })
    .not.toBe('unknown')
  const [{ id = '' } = {}] = await batchesOf('leaving')
  expect(await rowsOf(id)).toMatchObject([{ studentKey: 'ann' }])
})

test('of a process that is killed meanwhile it is known whom it asked about, and that nobody knows the answer', async () => {
  lms.faults.set({ latencyMs: 30_000, only: 'enrollments', tokensToo: false })
  const writing = write(makeProgram(), 'killed', 3).catch(() => 'broken')
  await expect.poll(() => batchesOf('killed'), { interval: 50 }).toHaveLength(1)
  await enrollment.kill()
  expect(await writing).toBe('broken')
  const rows = await enrollment.sql(
    `select r.student_key, r.action, o.batch_id as outcome from audit_batches b join audit_rows r on r.batch_id = b.id
     left join audit_outcomes o on o.batch_id = b.id where b.request_id = 'killed' order by r.id`,
  )
  expect(rows).toEqual(
    [0, 1, 2].map((index) => ({ student_key: `killed-${index}`, action: 'asked', outcome: null })),
  )
})
