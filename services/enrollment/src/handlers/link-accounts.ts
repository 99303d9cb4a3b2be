import type { ServiceImpl } from '@connectrpc/connect'
import { authorOf } from '#kit/author.ts'
import { Permission } from '#proto/registrar/accesscontrol/v1/permission_pb.ts'
import type { EnrollmentService } from '#proto/registrar/enrollment/v1/enrollment_service_pb.ts'
import type { EnrollmentBackend } from '../backends/backend.ts'
import type { ProgramFinder } from '../clients/catalog.ts'
import { requireAccount } from '../domain/request-rules.ts'

type Dependencies = {
  catalog: Pick<ProgramFinder, 'findProgram'>
  backend: Pick<EnrollmentBackend, 'linkAccounts'>
}

export function linkAccounts({
  catalog,
  backend,
}: Dependencies): ServiceImpl<typeof EnrollmentService>['linkAccounts'] {
  return async (request, context) => {
    const { program } = await catalog.findProgram(request, Permission.WRITE_ENROLLMENTS, context)
    for (const [index, account] of request.accounts.entries()) requireAccount(account, `accounts[${index}]`)
    const linking = { accounts: request.accounts, author: authorOf(context) }
    return { linked: await backend.linkAccounts(program, linking, context.signal) }
  }
}
