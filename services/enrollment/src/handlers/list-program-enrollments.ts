import type { ServiceImpl } from '@connectrpc/connect'
import { pageSizeOf } from '#kit/page.ts'
import { Permission } from '#proto/registrar/accesscontrol/v1/permission_pb.ts'
import type { EnrollmentService } from '#proto/registrar/enrollment/v1/enrollment_service_pb.ts'
import type { EnrollmentBackend } from '../backends/backend.ts'
import { collectPage } from '../backends/page.ts'
import type { ProgramFinder } from '../clients/catalog.ts'
import { accountsFlag, pageSizes, refuseAccounts } from '../domain/request-rules.ts'
import { readingOf, tellProgramEnrollment } from '../messages.ts'

type Dependencies = {
  catalog: Pick<ProgramFinder, 'findProgram'>
  backend: Pick<EnrollmentBackend, 'readProgramEnrollments'>
}

export function listProgramEnrollments({
  catalog,
  backend,
}: Dependencies): ServiceImpl<typeof EnrollmentService>['listProgramEnrollments'] {
  return async (request, context) => {
    const { program, isFlagOn } = await catalog.findProgram(request, Permission.READ_ENROLLMENTS, context)
    const { pageToken, includeAccounts: accounts } = request
    if (accounts && !isFlagOn(accountsFlag)) refuseAccounts()
    const limit = pageSizeOf(request.pageSize, pageSizes)
    const reading = { pageToken, limit, accounts, ...readingOf(context) }
    const { rows, nextPageToken } = await collectPage(backend.readProgramEnrollments(program, reading))
    return { enrollments: rows.map(tellProgramEnrollment), nextPageToken }
  }
}
