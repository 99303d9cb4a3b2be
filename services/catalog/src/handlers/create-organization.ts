import type { ServiceImpl } from '@connectrpc/connect'
import type { CatalogService } from '#proto/registrar/catalog/v1/catalog_service_pb.ts'
import { admitSuperuser } from '../access.ts'
import type { AccessControl } from '../clients/access-control.ts'
import { draftOrganization } from '../domain/drafts.ts'
import { alreadyExists } from '../domain/refusals.ts'
import { tellOrganization } from '../messages.ts'
import type { OrganizationStore } from '../store/organizations.ts'

type Dependencies = { organizations: Pick<OrganizationStore, 'create'>; accessControl: AccessControl }

export function createOrganization(
  dependencies: Dependencies,
): ServiceImpl<typeof CatalogService>['createOrganization'] {
  return async (request, context) => {
    await admitSuperuser(dependencies, context)
    const organization = await dependencies.organizations.create(draftOrganization(request))
    if (organization === undefined) throw alreadyExists('an organization with this key')
    return { organization: tellOrganization(organization) }
  }
}
