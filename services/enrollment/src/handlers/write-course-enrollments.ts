import type { ServiceImpl } from '@connectrpc/connect'
import { authorOf } from '#kit/author.ts'
import { type AnswerStore, rememberAnswers } from '#kit/idempotency.ts'
import type { Logger } from '#kit/logger.ts'
import { Permission } from '#proto/registrar/accesscontrol/v1/permission_pb.ts'
import {
  type EnrollmentService,
  WriteCourseEnrollmentsResponseSchema,
} from '#proto/registrar/enrollment/v1/enrollment_service_pb.ts'
import type { EnrollmentBackend } from '../backends/backend.ts'
import type { ProgramFinder } from '../clients/catalog.ts'
import { collectOutcomes, withholdDuplicates } from '../domain/enrollment-write.ts'
import { courseRoleFlag, requireNoCourseStaff } from '../domain/request-rules.ts'
import { readMode, tellWriteOutcome } from '../messages.ts'

type Dependencies = {
  catalog: Pick<ProgramFinder, 'findCourseRun'>
  backend: Pick<EnrollmentBackend, 'writeCourseEnrollments'>
  answers: AnswerStore
  logger: Logger
}

export function writeCourseEnrollments({
  catalog,
  backend,
  answers: store,
  logger,
}: Dependencies): ServiceImpl<typeof EnrollmentService>['writeCourseEnrollments'] {
  const remember = rememberAnswers({ store, schema: WriteCourseEnrollmentsResponseSchema, logger })
  return async (request, context) => {
    const { program, run, isFlagOn } = await catalog.findCourseRun(
      request,
      Permission.WRITE_ENROLLMENTS,
      context,
    )
    return remember(request, context, async () => {
      const mode = readMode(request.mode)
      if (!isFlagOn(courseRoleFlag)) requireNoCourseStaff(request.enrollments)
      const asked = withholdDuplicates(request.enrollments)
      const writing = { mode, writes: asked.unique, author: authorOf(context) }
      const outcomes = await backend.writeCourseEnrollments(program, run, writing, context.signal)
      return { results: collectOutcomes(asked, outcomes).map(tellWriteOutcome) }
    })
  }
}
