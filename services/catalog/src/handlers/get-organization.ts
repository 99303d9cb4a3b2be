import type { ServiceImpl } from '@connectrpc/connect'
import type { CatalogService } from '#proto/registrar/catalog/v1/catalog_service_pb.ts'
import type { AccessControl } from '../clients/access-control.ts'
import { organizationNotFound } from '../domain/refusals.ts'
import { tellOrganization } from '../messages.ts'
import type { OrganizationStore } from '../store/organizations.ts'

type Dependencies = { organizations: Pick<OrganizationStore, 'find'>; accessControl: AccessControl }

export function getOrganization({
  organizations,
  accessControl,
}: Dependencies): ServiceImpl<typeof CatalogService>['getOrganization'] {
  return async ({ key }, context) => {
    await accessControl.identify(context)
    const organization = await organizations.find(key)
    if (organization === undefined) throw organizationNotFound()
    return { organization: tellOrganization(organization) }
  }
}
