import type { ServiceImpl } from '@connectrpc/connect'
import { decodePageToken, encodePageToken, pageSizeOf } from '#kit/page.ts'
import type { CatalogService, ListProgramsRequest } from '#proto/registrar/catalog/v1/catalog_service_pb.ts'
import type { AccessControl } from '../clients/access-control.ts'
import {
  isPositionIn,
  type ListFilters,
  nameFilters,
  type PagePosition,
  planList,
} from '../domain/listing.ts'
import { permissionsByGrants } from '../domain/permission.ts'
import { invalidArgument, organizationNotFound } from '../domain/refusals.ts'
import { readPermission, tellProgram } from '../messages.ts'
import type { OrganizationStore } from '../store/organizations.ts'
import type { PageBounds, ProgramStore } from '../store/programs.ts'

type Dependencies = {
  organizations: Pick<OrganizationStore, 'find'>
  programs: Pick<ProgramStore, 'list'>
  accessControl: AccessControl
}

export function listPrograms({
  organizations,
  programs,
  accessControl,
}: Dependencies): ServiceImpl<typeof CatalogService>['listPrograms'] {
  return async (request, context) => {
    const grants = await accessControl.listGrants(context)
    const { organizationKey, titleContains } = request
    const permission = readPermission('permission', request.permission) ?? 'read_metadata'
    const filters = { organizationKey, permission, titleContains }
    const page = await programs.list(planList(filters, grants), readBounds(request, filters))
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

function readBounds({ pageSize, pageToken, skip }: ListProgramsRequest, filters: ListFilters): PageBounds {
  const size = pageSizeOf(pageSize, { default: 100, maximum: 1_000 })
  if (skip < 0) throw invalidArgument([{ field: 'skip', description: 'skip must not be negative' }])
  if (pageToken === '') return { skip, size }
  if (skip > 0) throw invalidArgument([{ field: 'skip', description: 'skip does not go with page_token' }])
  const { after } = decodePageToken<PagePosition>(pageToken, isPositionIn(filters))
  return { after, skip, size }
}
