import type { ServiceImpl } from '@connectrpc/connect'
import { Permission } from '#proto/registrar/accesscontrol/v1/permission_pb.ts'
import type { EnrollmentService } from '#proto/registrar/enrollment/v1/enrollment_service_pb.ts'
import type { EnrollmentBackend } from '../backends/backend.ts'
import type { ProgramFinder } from '../clients/catalog.ts'
import { collectOutcomes, withholdDuplicates } from '../domain/enrollment-write.ts'
import { courseRoleFlag, requireNoCourseStaff } from '../domain/request-rules.ts'
import { readAuthor, readMode, tellWriteOutcome } from '../messages.ts'

type Dependencies = {
  catalog: Pick<ProgramFinder, 'findCourseRun'>
  backend: Pick<EnrollmentBackend, 'writeCourseEnrollments'>
}

export function writeCourseEnrollments({
  catalog,
  backend,
}: Dependencies): ServiceImpl<typeof EnrollmentService>['writeCourseEnrollments'] {
  return async (request, context) => {
    const { program, run, isFlagOn } = await catalog.findCourseRun(
      request,
      Permission.WRITE_ENROLLMENTS,
      context,
    )
    const mode = readMode(request.mode)
    if (!isFlagOn(courseRoleFlag)) requireNoCourseStaff(request.enrollments)
    const asked = withholdDuplicates(request.enrollments)
    const writing = { mode, writes: asked.unique, author: readAuthor(context) }
    const outcomes = await backend.writeCourseEnrollments(program, run, writing, context.signal)
    return { results: collectOutcomes(asked, outcomes).map(tellWriteOutcome) }
  }
}
