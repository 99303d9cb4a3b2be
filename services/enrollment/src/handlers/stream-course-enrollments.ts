import type { ServiceImpl } from '@connectrpc/connect'
import { Permission } from '#proto/registrar/accesscontrol/v1/permission_pb.ts'
import type { EnrollmentService } from '#proto/registrar/enrollment/v1/enrollment_service_pb.ts'
import type { EnrollmentBackend } from '../backends/backend.ts'
import type { ProgramFinder } from '../clients/catalog.ts'
import { requireLimit } from '../domain/request-rules.ts'
import { readingOf, tellCourseEnrollment } from '../messages.ts'

type Dependencies = {
  catalog: Pick<ProgramFinder, 'findCourseRun'>
  backend: Pick<EnrollmentBackend, 'readCourseEnrollments'>
}

export function streamCourseEnrollments({
  catalog,
  backend,
}: Dependencies): ServiceImpl<typeof EnrollmentService>['streamCourseEnrollments'] {
  return async function* (request, context) {
    const { program, run } = await catalog.findCourseRun(request, Permission.READ_ENROLLMENTS, context)
    const { pageToken } = request
    const reading = { pageToken, limit: requireLimit(request.limit), ...readingOf(context) }
    for await (const { rows, nextPageToken } of backend.readCourseEnrollments(program, run, reading)) {
      yield { enrollments: rows.map((row) => tellCourseEnrollment(row, run)), nextPageToken }
    }
  }
}
