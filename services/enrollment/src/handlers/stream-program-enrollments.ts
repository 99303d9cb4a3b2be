import type { ServiceImpl } from '@connectrpc/connect'
import { Permission } from '#proto/registrar/accesscontrol/v1/permission_pb.ts'
import type { EnrollmentService } from '#proto/registrar/enrollment/v1/enrollment_service_pb.ts'
import type { EnrollmentBackend } from '../backends/backend.ts'
import type { ProgramFinder } from '../clients/catalog.ts'
import { accountsFlag, refuseAccounts, requireLimit } from '../domain/request-rules.ts'
import { readingOf, tellProgramEnrollment } from '../messages.ts'

type Dependencies = {
  catalog: Pick<ProgramFinder, 'findProgram'>
  backend: Pick<EnrollmentBackend, 'readProgramEnrollments'>
}

export function streamProgramEnrollments({
  catalog,
  backend,
}: Dependencies): ServiceImpl<typeof EnrollmentService>['streamProgramEnrollments'] {
  return async function* (request, context) {
    const { program, isFlagOn } = await catalog.findProgram(request, Permission.READ_ENROLLMENTS, context)
    const { pageToken, includeAccounts: accounts } = request
    if (accounts && !isFlagOn(accountsFlag)) refuseAccounts()
    const reading = { pageToken, limit: requireLimit(request.limit), accounts, ...readingOf(context) }
    for await (const { rows, nextPageToken } of backend.readProgramEnrollments(program, reading)) {
      yield { enrollments: rows.map(tellProgramEnrollment), nextPageToken }
    }
  }
}
