import type { CallOptions, Client } from '@connectrpc/connect'
import { Reason } from '#kit/errors.ts'
import { reasonOf } from '#kit/rpc-errors.ts'
import type { EnrollmentService } from '#proto/registrar/enrollment/v1/enrollment_service_pb.ts'
import { WriteMode, type WriteResult } from '#proto/registrar/enrollment/v1/enrollment_write_pb.ts'
import type { Cursor, WriteTask } from '../domain/tasks.ts'
import type { UploadRow } from '../domain/upload-csv.ts'
import { courseStaffOf, type Entry, type Group, type UploadPlan } from '../domain/upload-plan.ts'

export type EnrollmentClient = Client<typeof EnrollmentService>

/** What came of some entries of a plan. */
export type WrittenBatch = {
  results: RowResult[]
  good: number
  bad: number
  /** Rows of the file that these entries stand for. */
  rowsDone: number
  next: Pick<Cursor, 'group' | 'entry'>
  isLast: boolean
}

export type RowResult = {
  row: UploadRow
  status: string
  /** It is about a learner who is not in the batch. */
  isUnasked: boolean
}

// An LMS takes 25 at a time, one after the other: the call has to end in time even when each takes ten seconds.
const rowsPerCall = 250
const callTimeoutMs = 120_000

/** Writes a plan from a place on, group by group. */
export async function* writeEntries(
  enrollment: EnrollmentClient,
  task: WriteTask,
  plan: UploadPlan,
  from: Cursor,
  options: CallOptions,
): AsyncGenerator<WrittenBatch> {
  for (let index = from.group; index < plan.groups.length; index++) {
    const group = plan.groups[index] as Group
    let entry = index === from.group ? from.entry : 0
    while (entry < group.entries.length) {
      const entries = group.entries.slice(entry, entry + rowsPerCall)
      const written = await writeBatch(enrollment, task, group, entries, options)
      const untold = entry === 0 ? group.rows : group.entries.slice(entry).map(({ row }) => row)
      entry = written === undefined ? group.entries.length : entry + entries.length
      const isGroupDone = entry === group.entries.length
      yield {
        ...(written ?? courseNotFound(untold)),
        next: isGroupDone ? { group: index + 1, entry: 0 } : { group: index, entry },
        isLast: isGroupDone && index === plan.groups.length - 1,
      }
    }
  }
}

type Written = Omit<WrittenBatch, 'next' | 'isLast'>

/** Undefined when there is no such course run. */
async function writeBatch(
  enrollment: EnrollmentClient,
  task: WriteTask,
  group: Group,
  entries: Entry[],
  options: CallOptions,
): Promise<Written | undefined> {
  const sendable = entries.filter(({ row, count }) => count === 1 && courseStaffOf(row.course_staff) !== null)
  const request = {
    programKey: task.programKey,
    mode: WriteMode.CREATE_OR_UPDATE,
    enrollments: sendable.map(({ row }) => ({
      studentKey: row.student_key,
      status: row.status,
      courseStaff: courseStaffOf(row.course_staff) ?? undefined,
    })),
  }
  const timed = { ...options, timeoutMs: callTimeoutMs }
  try {
    const { results } =
      group.courseId === undefined
        ? await enrollment.writeProgramEnrollments(request, timed)
        : await enrollment.writeCourseEnrollments({ ...request, courseId: group.courseId }, timed)
    return tell(group, entries, results)
  } catch (error) {
    if (reasonOf(error) === Reason.COURSE_NOT_FOUND) return undefined
    throw error
  }
}

function tell(group: Group, entries: Entry[], results: WriteResult[]): Written {
  const byKey = new Map(results.map((result) => [result.studentKey, result]))
  const written: Written = { results: [], good: 0, bad: 0, rowsDone: 0 }
  for (const { row, count } of entries) {
    const result = byKey.get(row.student_key)
    byKey.delete(row.student_key)
    const status = count > 1 ? 'duplicated' : (result?.status ?? 'internal-error')
    if (count === 1 && result?.accepted === true) written.good++
    else written.bad++
    written.rowsDone += count
    written.results.push({ row, status, isUnasked: false })
  }
  for (const { studentKey, status } of byKey.values()) {
    const row = { course_id: group.courseId, student_key: studentKey, status }
    written.results.push({ row, status, isUnasked: true })
  }
  return written
}

function courseNotFound(rows: UploadRow[]): Written {
  const results = rows.map((row) => ({ row, status: 'course-not-found', isUnasked: false }))
  return { results, good: 0, bad: rows.length, rowsDone: rows.length }
}
