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
    const { create, rename, tally } = planGroups(reportGroupsFor(organizations, programs), existing)
    // Somebody else may have taken a name in between.
    const taken: RoleGroup[] = []
    let [created, updated] = [0, 0]
    for (const group of create) {
      if (await accessControl.createRoleGroup(context, group)) created++
      else taken.push(group)
    }
    for (const { from, to } of rename) {
      if (await accessControl.renameGroup(context, from, to.name)) updated++
      else taken.push(to)
    }
    const skipped = tally.skipped + taken.length
    return {
      groups: { ...tally, created, updated, skipped },
      problems: [...tally.problems, ...taken.map(nameTaken)],
    }
  }
}
