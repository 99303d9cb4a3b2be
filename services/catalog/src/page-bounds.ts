import { decodePageToken, pageSizeOf } from '#kit/page.ts'
import type { ListProgramsRequest } from '#proto/registrar/catalog/v1/catalog_service_pb.ts'
import { isPositionIn, type ListFilters, type PagePosition } from './domain/listing.ts'
import { invalidArgument } from './domain/refusals.ts'
import type { PageBounds } from './store/programs.ts'

/** The part of the list that is asked for. INVALID_ARGUMENT; PAGE_TOKEN_INVALID for a token of another list. */
export function readBounds(
  { pageSize, pageToken, skip }: ListProgramsRequest,
  filters: ListFilters,
): PageBounds {
  const size = pageSizeOf(pageSize, { default: 100, maximum: 1_000 })
  if (skip < 0) throw invalidArgument([{ field: 'skip', description: 'skip must not be negative' }])
  if (pageToken === '') return { skip, size }
  if (skip > 0) throw invalidArgument([{ field: 'skip', description: 'skip does not go with page_token' }])
  const { after } = decodePageToken<PagePosition>(pageToken, isPositionIn(filters))
  return { after, skip, size }
}
