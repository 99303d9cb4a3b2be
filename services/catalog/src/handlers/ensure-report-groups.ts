import type { ServiceImpl } from '@connectrpc/connect'
import type { CatalogService } from '#proto/registrar/catalog/v1/catalog_service_pb.ts'
import { admitSuperuser } from '../access.ts'
import type { AccessControl } from '../clients/access-control.ts'
import { nameTaken, planGroups, type RoleGroup, reportGroupsFor } from '../domain/report-groups.ts'
import type { DiscoveryCatalogStore } from '../store/discovery-catalog.ts'

type Dependencies = {
  discoveryCatalog: Pick<DiscoveryCatalogStore, 'listAll'>
  accessControl: AccessControl
}

export function ensureReportGroups(
  dependencies: Dependencies,
): ServiceImpl<typeof CatalogService>['ensureReportGroups'] {
  return async (_, context) => {
    await admitSuperuser(dependencies, context)
    const { discoveryCatalog, accessControl } = dependencies
    const { organizations, programs } = await discoveryCatalog.listAll()
    const existing = await accessControl.listRoleGroups(context)
    const { create, tally } = planGroups(reportGroupsFor(organizations, programs), existing)
    const taken: RoleGroup[] = []
    for (const group of create) {
      // Somebody else may have made one in between.
      if (!(await accessControl.createRoleGroup(context, group))) taken.push(group)
    }
    const created = tally.created - taken.length
    const skipped = tally.skipped + taken.length
    return { groups: { ...tally, created, skipped }, problems: [...tally.problems, ...taken.map(nameTaken)] }
  }
}
