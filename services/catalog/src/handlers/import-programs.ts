import type { ServiceImpl } from '@connectrpc/connect'
import { requestIdOf } from '#kit/call-context.ts'
import type { CatalogService } from '#proto/registrar/catalog/v1/catalog_service_pb.ts'
import { admitSuperuser } from '../access.ts'
import type { AccessControl } from '../clients/access-control.ts'
import type { Discovery } from '../clients/discovery.ts'
import { readImports, wishFor } from '../domain/program-import.ts'
import { discoveryNotSet, unknownToDiscovery } from '../domain/refusals.ts'
import type { DiscoveryCatalogStore } from '../store/discovery-catalog.ts'

type Dependencies = {
  discovery: Pick<Discovery, 'readProgram'> | undefined
  discoveryCatalog: Pick<DiscoveryCatalogStore, 'import'>
  accessControl: AccessControl
}

export function importPrograms(
  dependencies: Dependencies,
): ServiceImpl<typeof CatalogService>['importPrograms'] {
  return async (request, context) => {
    await admitSuperuser(dependencies, context)
    const { discovery, discoveryCatalog } = dependencies
    if (discovery === undefined) throw discoveryNotSet()
    const call = { signal: context.signal, requestId: requestIdOf(context) }
    const wishes = await Promise.all(
      readImports(request.programs).map(async (asked) => {
        const program = await discovery.readProgram(asked.discoveryUuid, call)
        if (program === undefined) throw unknownToDiscovery(asked.discoveryUuid)
        return wishFor(asked, program)
      }),
    )
    return { programs: await discoveryCatalog.import(wishes) }
  }
}
