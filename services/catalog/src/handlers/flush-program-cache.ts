import type { ServiceImpl } from '@connectrpc/connect'
import type { CatalogService } from '#proto/registrar/catalog/v1/catalog_service_pb.ts'
import { admitStaff } from '../access.ts'
import type { AccessControl } from '../clients/access-control.ts'
import { programNotFound } from '../domain/refusals.ts'
import type { ProgramDetails } from '../program-details.ts'
import type { ProgramStore } from '../store/programs.ts'

type Dependencies = {
  programs: Pick<ProgramStore, 'find'>
  accessControl: AccessControl
  details: Pick<ProgramDetails, 'flush'>
}

export function flushProgramCache(
  dependencies: Dependencies,
): ServiceImpl<typeof CatalogService>['flushProgramCache'] {
  return async ({ programKey }, context) => {
    await admitStaff(dependencies, context)
    const program = programKey === '' ? undefined : await dependencies.programs.find(programKey)
    if (programKey !== '' && program === undefined) throw programNotFound()
    await dependencies.details.flush(program?.id)
    return {}
  }
}
