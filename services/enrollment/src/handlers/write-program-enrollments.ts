import type { ServiceImpl } from '@connectrpc/connect'
import { authorOf } from '#kit/author.ts'
import { type AnswerStore, rememberAnswers } from '#kit/idempotency.ts'
import type { Logger } from '#kit/logger.ts'
import { Permission } from '#proto/registrar/accesscontrol/v1/permission_pb.ts'
import {
  type EnrollmentService,
  WriteProgramEnrollmentsResponseSchema,
} from '#proto/registrar/enrollment/v1/enrollment_service_pb.ts'
import type { EnrollmentBackend } from '../backends/backend.ts'
import type { ProgramFinder } from '../clients/catalog.ts'
import { collectOutcomes, withholdDuplicates } from '../domain/enrollment-write.ts'
import { requireActiveCurriculum } from '../domain/program.ts'
import { readMode, tellWriteOutcome } from '../messages.ts'

type Dependencies = {
  catalog: Pick<ProgramFinder, 'findProgram'>
  backend: Pick<EnrollmentBackend, 'writeProgramEnrollments'>
  answers: AnswerStore
  logger: Logger
}

export function writeProgramEnrollments({
  catalog,
  backend,
  answers: store,
  logger,
}: Dependencies): ServiceImpl<typeof EnrollmentService>['writeProgramEnrollments'] {
  const remember = rememberAnswers({ store, schema: WriteProgramEnrollmentsResponseSchema, logger })
  return async (request, context) => {
    const { program } = await catalog.findProgram(request, Permission.WRITE_ENROLLMENTS, context)
    return remember(request, context, async () => {
      const curriculumUuid = requireActiveCurriculum(program)
      const mode = readMode(request.mode)
      const asked = withholdDuplicates(request.enrollments)
      const writing = { mode, writes: asked.unique, author: authorOf(context), curriculumUuid }
      const outcomes = await backend.writeProgramEnrollments(program, writing, context.signal)
      return { results: collectOutcomes(asked, outcomes).map(tellWriteOutcome) }
    })
  }
}
