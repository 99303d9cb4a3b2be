import type { ConnectRouter } from '@connectrpc/connect'
import type { AnswerStore } from '#kit/idempotency.ts'
import type { Logger } from '#kit/logger.ts'
import { EnrollmentService } from '#proto/registrar/enrollment/v1/enrollment_service_pb.ts'
import type { EnrollmentBackend } from './backends/backend.ts'
import type { ProgramFinder } from './clients/catalog.ts'
import { linkAccounts } from './handlers/link-accounts.ts'
import { listAuditEvents } from './handlers/list-audit-events.ts'
import { listAuditRows } from './handlers/list-audit-rows.ts'
import { listCourseEnrollments } from './handlers/list-course-enrollments.ts'
import { listProgramEnrollments } from './handlers/list-program-enrollments.ts'
import { purgeAuditEvents } from './handlers/purge-audit-events.ts'
import { recordCourseGrades } from './handlers/record-course-grades.ts'
import { streamCourseEnrollments } from './handlers/stream-course-enrollments.ts'
import { streamCourseGrades } from './handlers/stream-course-grades.ts'
import { streamProgramEnrollments } from './handlers/stream-program-enrollments.ts'
import { writeCourseEnrollments } from './handlers/write-course-enrollments.ts'
import { writeProgramEnrollments } from './handlers/write-program-enrollments.ts'
import type { AuditStore } from './store/audit-store.ts'

export type Dependencies = {
  catalog: ProgramFinder
  backend: EnrollmentBackend
  answers: AnswerStore
  audit: AuditStore
  logger: Logger
}

export function routeEnrollment(router: ConnectRouter, dependencies: Dependencies): void {
  router.service(EnrollmentService, {
    writeProgramEnrollments: writeProgramEnrollments(dependencies),
    writeCourseEnrollments: writeCourseEnrollments(dependencies),
    listProgramEnrollments: listProgramEnrollments(dependencies),
    listCourseEnrollments: listCourseEnrollments(dependencies),
    streamProgramEnrollments: streamProgramEnrollments(dependencies),
    streamCourseEnrollments: streamCourseEnrollments(dependencies),
    streamCourseGrades: streamCourseGrades(dependencies),
    linkAccounts: linkAccounts(dependencies),
    recordCourseGrades: recordCourseGrades(dependencies),
    listAuditEvents: listAuditEvents(dependencies),
    listAuditRows: listAuditRows(dependencies),
    purgeAuditEvents: purgeAuditEvents(dependencies),
  })
}
