import type { ServiceImpl } from '@connectrpc/connect'
import { encodePageToken } from '#kit/page.ts'
import type { CatalogService } from '#proto/registrar/catalog/v1/catalog_service_pb.ts'
import type { AccessControl } from '../clients/access-control.ts'
import { nameFilters, planList } from '../domain/listing.ts'
import { permissionsByGrants } from '../domain/permission.ts'
import { organizationNotFound } from '../domain/refusals.ts'
import { readPermission, tellProgram } from '../messages.ts'
import { readBounds } from '../page-bounds.ts'
import type { ProgramDetails } from '../program-details.ts'
import type { OrganizationStore } from '../store/organizations.ts'
import type { ProgramStore } from '../store/programs.ts'

type Dependencies = {
  organizations: Pick<OrganizationStore, 'find'>
  programs: Pick<ProgramStore, 'list'>
  accessControl: AccessControl
  details: Pick<ProgramDetails, 'fetch'>
}

export function listPrograms({
  organizations,
  programs,
  accessControl,
  details,
}: Dependencies): ServiceImpl<typeof CatalogService>['listPrograms'] {
  return async (request, context) => {
    const grants = await accessControl.listGrants(context)
    const { organizationKey, titleContains } = request
    const permission = readPermission('permission', request.permission) ?? 'read_metadata'
    const filters = { organizationKey, permission, titleContains }
    const readPage = () => programs.list(planList(filters, grants), readBounds(request, filters))
    let page = await readPage()
    if (await details.fetch(page.due, context)) page = await readPage()
    // A list with something in it shows that the organization exists.
    if (page.programs.length === 0 && organizationKey !== '') {
      if ((await organizations.find(organizationKey)) === undefined) throw organizationNotFound()
    }
    const after = page.hasMore ? page.programs.at(-1)?.sequence : undefined
    return {
      programs: page.programs.map((program) =>
        tellProgram(program, grants === undefined ? [] : permissionsByGrants(program, grants)),
      ),
      nextPageToken: after === undefined ? '' : encodePageToken({ after, filters: nameFilters(filters) }),
      totalSize: page.total,
    }
  }
}
