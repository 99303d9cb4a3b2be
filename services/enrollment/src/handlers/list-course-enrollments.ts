import type { ServiceImpl } from '@connectrpc/connect'
import { pageSizeOf } from '#kit/page.ts'
import { Permission } from '#proto/registrar/accesscontrol/v1/permission_pb.ts'
import type { EnrollmentService } from '#proto/registrar/enrollment/v1/enrollment_service_pb.ts'
import type { EnrollmentBackend } from '../backends/backend.ts'
import { collectPage } from '../backends/page.ts'
import type { ProgramFinder } from '../clients/catalog.ts'
import { pageSizes } from '../domain/request-rules.ts'
import { readingOf, tellCourseEnrollment } from '../messages.ts'

type Dependencies = {
  catalog: Pick<ProgramFinder, 'findCourseRun'>
  backend: Pick<EnrollmentBackend, 'readCourseEnrollments'>
}

export function listCourseEnrollments({
  catalog,
  backend,
}: Dependencies): ServiceImpl<typeof EnrollmentService>['listCourseEnrollments'] {
  return async (request, context) => {
    const { program, run } = await catalog.findCourseRun(request, Permission.READ_ENROLLMENTS, context)
    const limit = pageSizeOf(request.pageSize, pageSizes)
    const reading = { pageToken: request.pageToken, limit, ...readingOf(context) }
    const { rows, nextPageToken } = await collectPage(backend.readCourseEnrollments(program, run, reading))
    return { enrollments: rows.map((row) => tellCourseEnrollment(row, run)), nextPageToken }
  }
}
