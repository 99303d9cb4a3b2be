import { randomUUID } from 'node:crypto'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { WriteMode } from '#proto/registrar/enrollment/v1/enrollment_write_pb.ts'
import { type EnrollmentClient, startTestEnrollment, type TestEnrollment } from './testing/enrollment.ts'

let enrollment: TestEnrollment
let partner: EnrollmentClient

beforeAll(async () => {
  enrollment = await startTestEnrollment()
  partner = enrollment.as('partner')
})
afterAll(() => enrollment.stop())

/** How many statements of the service wait for a lock. */
async function waiting(): Promise<number> {
  const [row] = await enrollment.sql<{ count: number }>(
    `select count(*)::int as count from pg_stat_activity
     where application_name = 'registrar enrollment' and wait_event_type = 'Lock'
       and datname = current_database()`,
  )
  return row?.count ?? 0
}

/** Sends a call while the table is locked, and gives it up when its statement waits. */
async function giveUp(call: (signal: AbortSignal) => Promise<unknown>): Promise<void> {
  const slow = await enrollment.begin()
  await slow.sql('lock table program_enrollments in access exclusive mode')
  try {
    const caller = new AbortController()
    const failed = call(caller.signal).catch((error: unknown) => error)
    await expect.poll(waiting, { timeout: 10_000 }).toBe(1)
    caller.abort()
    await failed
    await expect.poll(waiting, { timeout: 1_000, interval: 20 }).toBe(0)
  } finally {
    await slow.rollback()
  }
}

const enrollmentsOf = (program: string) =>
  enrollment.sql('select student_key from program_enrollments where program_uuid = $1', [
    enrollment.uuidOf(program),
  ])

test('a write that is given up writes nothing, and its idempotency key is free at once', async () => {
  const programKey = enrollment.makeProgram()
  const key = randomUUID()
  let replayed: string | null | undefined
  const write = (signal?: AbortSignal) =>
    partner.writeProgramEnrollments(
      { programKey, mode: WriteMode.CREATE, enrollments: [{ studentKey: 'ann', status: 'enrolled' }] },
      {
        ...(signal && { signal }),
        headers: { 'idempotency-key': key },
        onHeader: (headers) => {
          replayed = headers.get('idempotency-replayed')
        },
      },
    )
  await giveUp(write)
  expect(await enrollmentsOf(programKey)).toEqual([])
  const { results } = await write()
  expect(results).toMatchObject([{ studentKey: 'ann', status: 'enrolled', accepted: true }])
  expect(replayed).toBeNull()
  expect(await enrollmentsOf(programKey)).toHaveLength(1)
})

test('a stream that is given up between its rows ends its statement', async () => {
  const programKey = enrollment.makeProgram()
  await giveUp(async (signal) => {
    for await (const _ of enrollment.worker.streamProgramEnrollments({ programKey }, { signal }));
  })
})
