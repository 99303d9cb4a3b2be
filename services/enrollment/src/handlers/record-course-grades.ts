import type { ServiceImpl } from '@connectrpc/connect'
import { authorOf } from '#kit/author.ts'
import { Permission } from '#proto/registrar/accesscontrol/v1/permission_pb.ts'
import type { EnrollmentService } from '#proto/registrar/enrollment/v1/enrollment_service_pb.ts'
import type { EnrollmentBackend } from '../backends/backend.ts'
import type { ProgramFinder } from '../clients/catalog.ts'
import { readGrade } from '../messages.ts'

type Dependencies = {
  catalog: Pick<ProgramFinder, 'findCourseRun'>
  backend: Pick<EnrollmentBackend, 'recordCourseGrades'>
}

export function recordCourseGrades({
  catalog,
  backend,
}: Dependencies): ServiceImpl<typeof EnrollmentService>['recordCourseGrades'] {
  return async (request, context) => {
    const { program, run } = await catalog.findCourseRun(request, Permission.WRITE_ENROLLMENTS, context)
    const recording = { grades: request.grades.map(readGrade), author: authorOf(context) }
    return { recorded: await backend.recordCourseGrades(program, run, recording, context.signal) }
  }
}
