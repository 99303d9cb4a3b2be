import type { ServiceImpl } from '@connectrpc/connect'
import type { CatalogService } from '#proto/registrar/catalog/v1/catalog_service_pb.ts'
import { admitStaff } from '../access.ts'
import type { AccessControl } from '../clients/access-control.ts'
import { programNotFound } from '../domain/refusals.ts'
import type { ProgramStore } from '../store/programs.ts'

type Dependencies = { programs: Pick<ProgramStore, 'find'>; accessControl: AccessControl }

/** Details typed in by the operator are no copy of anything, so there is nothing to forget. */
export function flushProgramCache(
  dependencies: Dependencies,
): ServiceImpl<typeof CatalogService>['flushProgramCache'] {
  return async ({ programKey }, context) => {
    await admitStaff(dependencies, context)
    if (programKey !== '' && (await dependencies.programs.find(programKey)) === undefined) {
      throw programNotFound()
    }
    return {}
  }
}
