import type { MessageInitShape } from '@bufbuild/protobuf'
import { timestampFromDate } from '@bufbuild/protobuf/wkt'
import type { HandlerContext } from '@connectrpc/connect'
import { requestIdOf } from '#kit/call-context.ts'
import { AuditRow_Action, type AuditRowSchema } from '#proto/registrar/enrollment/v1/audit_row_pb.ts'
import {
  type CourseEnrollment as CourseEnrollmentMessage,
  CourseEnrollmentSchema,
} from '#proto/registrar/enrollment/v1/course_enrollment_pb.ts'
import {
  type CourseGrade as CourseGradeMessage,
  CourseGradeSchema,
  GradeSchema,
} from '#proto/registrar/enrollment/v1/course_grade_pb.ts'
import {
  WriteMode as WriteModeMessage,
  type WriteResult,
  WriteResultSchema,
} from '#proto/registrar/enrollment/v1/enrollment_write_pb.ts'
import {
  type ProgramEnrollment as ProgramEnrollmentMessage,
  ProgramEnrollmentSchema,
} from '#proto/registrar/enrollment/v1/program_enrollment_pb.ts'
import type { AuditedRow, RowAction } from './domain/audited-row.ts'
import type { CourseGrade } from './domain/course-grade.ts'
import type { CourseEnrollment, ProgramEnrollment } from './domain/enrollment.ts'
import type { WriteMode, WriteOutcome } from './domain/enrollment-write.ts'
import type { EnrollmentCourseRun } from './domain/program.ts'
import { invalidField, requireGrade, requireText } from './domain/request-rules.ts'

// Between the domain and the protocol. Rows become whole messages at once: for a million of them `create` would cost as much as
// reading them from the database.

export function tellProgramEnrollment(row: ProgramEnrollment): ProgramEnrollmentMessage {
  const { studentKey, status, accountExists, username, email } = row
  return { $typeName: ProgramEnrollmentSchema.typeName, studentKey, status, accountExists, username, email }
}

export function tellCourseEnrollment(
  row: CourseEnrollment,
  run: EnrollmentCourseRun,
): CourseEnrollmentMessage {
  const { studentKey, status, accountExists, courseStaff } = row
  const courseId = run.publicKey
  return {
    $typeName: CourseEnrollmentSchema.typeName,
    courseId,
    studentKey,
    status,
    accountExists,
    courseStaff,
  }
}

export function tellCourseGrade(grade: CourseGrade): CourseGradeMessage {
  const { studentKey } = grade
  const $typeName = CourseGradeSchema.typeName
  if ('error' in grade) return { $typeName, studentKey, outcome: { case: 'error', value: grade.error } }
  const { letterGrade, percent, passed } = grade
  const value = {
    $typeName: GradeSchema.typeName,
    percent,
    passed,
    ...(letterGrade !== undefined && { letterGrade }),
  }
  return { $typeName, studentKey, outcome: { case: 'grade', value } }
}

export function tellWriteOutcome({ studentKey, status, accepted }: WriteOutcome): WriteResult {
  return { $typeName: WriteResultSchema.typeName, studentKey, status, accepted }
}

/** INVALID_ARGUMENT when the mode is not set or not known. */
export function readMode(mode: WriteModeMessage): WriteMode {
  switch (mode) {
    case WriteModeMessage.CREATE:
      return 'create'
    case WriteModeMessage.UPDATE:
      return 'update'
    case WriteModeMessage.CREATE_OR_UPDATE:
      return 'create-or-update'
    default:
      throw invalidField('mode', 'must be set')
  }
}

/** INVALID_ARGUMENT, naming the field, when the grade breaks a rule. */
export function readGrade({ studentKey, outcome }: CourseGradeMessage, index: number): CourseGrade {
  const field = `grades[${index}]`
  switch (outcome.case) {
    case 'grade': {
      const { letterGrade, percent, passed } = outcome.value
      const grade = { studentKey, percent, passed, ...(letterGrade !== undefined && { letterGrade }) }
      requireGrade(grade, `${field}.grade`)
      return grade
    }
    case 'error':
      requireText(outcome.value, `${field}.error`)
      return { studentKey, error: outcome.value }
    default:
      throw invalidField(field, 'must have a grade or an error')
  }
}

const rowActions: Readonly<Record<RowAction, AuditRow_Action>> = {
  asked: AuditRow_Action.ASKED,
  created: AuditRow_Action.CREATED,
  updated: AuditRow_Action.UPDATED,
  unchanged: AuditRow_Action.UNCHANGED,
  accepted: AuditRow_Action.ACCEPTED,
  refused: AuditRow_Action.REFUSED,
  linked: AuditRow_Action.LINKED,
  graded: AuditRow_Action.GRADED,
}

export function tellAuditRow(row: AuditedRow): MessageInitShape<typeof AuditRowSchema> {
  return {
    batchId: row.batchId,
    time: timestampFromDate(row.at),
    studentKey: row.studentKey,
    action: rowActions[row.action],
    askedStatus: row.asked ?? '',
    outcome: row.outcome ?? '',
    previousStatus: row.previousStatus ?? '',
    ...(row.previousCourseStaff !== null && { previousCourseStaff: row.previousCourseStaff }),
    ...(row.courseStaff !== null && { courseStaff: row.courseStaff }),
  }
}

/** What a backend has to know of the call that it reads for. */
export function readingOf(context: HandlerContext): { signal: AbortSignal; requestId: string } {
  return { signal: context.signal, requestId: requestIdOf(context) }
}
