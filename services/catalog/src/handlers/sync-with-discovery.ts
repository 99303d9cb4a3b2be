import type { ServiceImpl } from '@connectrpc/connect'
import { requestIdOf } from '#kit/call-context.ts'
import type { CatalogService } from '#proto/registrar/catalog/v1/catalog_service_pb.ts'
import { admitSuperuser } from '../access.ts'
import type { AccessControl } from '../clients/access-control.ts'
import type { Discovery } from '../clients/discovery.ts'
import { discoveryNotSet } from '../domain/refusals.ts'
import type { DiscoveryCatalogStore } from '../store/discovery-catalog.ts'

type Dependencies = {
  discovery: Pick<Discovery, 'listOrganizations' | 'listActivePrograms'> | undefined
  discoveryCatalog: Pick<DiscoveryCatalogStore, 'synchronize'>
  accessControl: AccessControl
}

export function syncWithDiscovery(
  dependencies: Dependencies,
): ServiceImpl<typeof CatalogService>['syncWithDiscovery'] {
  return async (_, context) => {
    await admitSuperuser(dependencies, context)
    const { discovery, discoveryCatalog } = dependencies
    if (discovery === undefined) throw discoveryNotSet()
    const call = { signal: context.signal, requestId: requestIdOf(context) }
    const organizations = await discovery.listOrganizations(call)
    const programs = await discovery.listActivePrograms(call)
    const outcome = await discoveryCatalog.synchronize({ organizations, programs })
    return {
      organizations: outcome.organizations,
      programs: outcome.programs,
      problems: [...outcome.organizations.problems, ...outcome.programs.problems],
    }
  }
}
