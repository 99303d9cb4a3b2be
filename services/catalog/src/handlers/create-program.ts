import { randomUUID } from 'node:crypto'
import type { ServiceImpl } from '@connectrpc/connect'
import type { CatalogService } from '#proto/registrar/catalog/v1/catalog_service_pb.ts'
import { admitSuperuser } from '../access.ts'
import type { AccessControl } from '../clients/access-control.ts'
import type { Discovery } from '../clients/discovery.ts'
import { draftProgram } from '../domain/drafts.ts'
import { effectiveOn } from '../domain/permission.ts'
import { alreadyExists, organizationNotFound } from '../domain/refusals.ts'
import { readPermissions, tellProgram } from '../messages.ts'
import type { OrganizationStore } from '../store/organizations.ts'
import type { ProgramStore } from '../store/programs.ts'

type Dependencies = {
  organizations: Pick<OrganizationStore, 'find'>
  programs: Pick<ProgramStore, 'create'>
  accessControl: AccessControl
  discovery: Discovery | undefined
}

export function createProgram(
  dependencies: Dependencies,
): ServiceImpl<typeof CatalogService>['createProgram'] {
  return async (request, context) => {
    const caller = await admitSuperuser(dependencies, context)
    const organization = await dependencies.organizations.find(request.organizationKey)
    if (organization === undefined) throw organizationNotFound()
    const program = await dependencies.programs.create(draftProgram(request), {
      organizationId: organization.id,
      activeCurriculumUuid: dependencies.discovery === undefined ? randomUUID() : null,
    })
    if (program === undefined) throw alreadyExists('a program with this key')
    const held = readPermissions(caller?.globalPermissions ?? [])
    const permissions = effectiveOn(program, (permission) => held.has(permission))
    return { program: tellProgram(program, permissions) }
  }
}
