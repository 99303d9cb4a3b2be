import type { FastifyRequest } from 'fastify'
import Type from 'typebox'
import { Permission } from '#proto/registrar/accesscontrol/v1/permission_pb.ts'
import type { Program } from '#proto/registrar/catalog/v1/program_pb.ts'
import { type Clients, callOptionsOf } from '../clients.ts'
import { detail, notFoundText } from '../http-errors.ts'
import { permissionsByName } from '../schemas/program.ts'

/** What both lists of programs can be asked with. */
const filterParameters = {
  org: Type.Optional(
    Type.String({ description: 'Only programs of the organization with this key; 404 if there is none.' }),
  ),
  user_has_perm: Type.Optional(
    Type.String({
      enum: [...permissionsByName.keys()],
      description: 'Only programs on which you may do this; `read_metadata` when absent.',
    }),
  ),
  program_title: Type.Optional(
    Type.String({ description: 'Only programs whose title contains this, in any letter case.' }),
  ),
}

export const programQuery = Type.Object(filterParameters)
export const programPageQuery = Type.Object({
  ...filterParameters,
  page: Type.Optional(Type.String({ description: 'Number of the page, from 1, or `last`.' })),
  page_size: Type.Optional(Type.String({ description: 'Programs on a page; 100 when absent.' })),
})

export type ProgramQuery = {
  org?: string
  user_has_perm?: string
  program_title?: string
  page?: string
  page_size?: string
}

export const unchangedSchema = Type.Null({
  description: 'Nothing has changed since the `ETag` in `If-None-Match`.',
})

export type ProgramFilters = { organizationKey: string; permission: Permission; titleContains: string }

/** The filters of a request. 404 for a permission that the API does not name, once it is clear that the caller may ask. */
export async function programFilters(clients: Clients, request: FastifyRequest): Promise<ProgramFilters> {
  const query = request.query as ProgramQuery
  const permission = query.user_has_perm
    ? permissionsByName.get(query.user_has_perm)
    : Permission.READ_METADATA
  if (permission === undefined) {
    await clients.accessControl.getCaller({}, callOptionsOf(request))
    throw detail(404, notFoundText)
  }
  return { organizationKey: query.org ?? '', permission, titleContains: query.program_title ?? '' }
}

// The most that the catalog gives at once.
const pageSize = 1_000

/** Every program that the filters let through, oldest first. */
export async function listAllPrograms(
  { catalog }: Pick<Clients, 'catalog'>,
  request: FastifyRequest,
  filters: ProgramFilters,
): Promise<Program[]> {
  const options = callOptionsOf(request)
  const first = await catalog.listPrograms({ ...filters, pageSize }, options)
  const programs = first.programs
  for (let pageToken = first.nextPageToken; pageToken !== ''; ) {
    const page = await catalog.listPrograms({ ...filters, pageSize, pageToken }, options)
    programs.push(...page.programs)
    pageToken = page.nextPageToken
  }
  return programs
}

/** `count` programs after the first `skip`, and how many there are in all. */
export async function listProgramSlice(
  { catalog }: Pick<Clients, 'catalog'>,
  request: FastifyRequest,
  filters: ProgramFilters,
  { skip, count }: { skip: number; count: number },
): Promise<{ programs: Program[]; total: number }> {
  const options = callOptionsOf(request)
  const first = await catalog.listPrograms({ ...filters, skip, pageSize: Math.min(count, pageSize) }, options)
  const programs = first.programs
  for (let pageToken = first.nextPageToken; pageToken !== '' && programs.length < count; ) {
    const size = Math.min(count - programs.length, pageSize)
    const page = await catalog.listPrograms({ ...filters, pageSize: size, pageToken }, options)
    programs.push(...page.programs)
    pageToken = page.nextPageToken
  }
  return { programs, total: first.totalSize }
}
