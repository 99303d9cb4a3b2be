import type { ConnectRouter } from '@connectrpc/connect'
import { CatalogService } from '#proto/registrar/catalog/v1/catalog_service_pb.ts'
import type { AccessControl } from './clients/access-control.ts'
import type { Discovery } from './clients/discovery.ts'
import { addCourseRun } from './handlers/add-course-run.ts'
import { createOrganization } from './handlers/create-organization.ts'
import { createProgram } from './handlers/create-program.ts'
import { ensureReportGroups } from './handlers/ensure-report-groups.ts'
import { flushProgramCache } from './handlers/flush-program-cache.ts'
import { getOrganization } from './handlers/get-organization.ts'
import { getProgram } from './handlers/get-program.ts'
import { importPrograms } from './handlers/import-programs.ts'
import { listCourseRuns } from './handlers/list-course-runs.ts'
import { listPrograms } from './handlers/list-programs.ts'
import { syncWithDiscovery } from './handlers/sync-with-discovery.ts'
import type { ProgramDetails } from './program-details.ts'
import type { CourseRunStore } from './store/course-runs.ts'
import type { DiscoveryCatalogStore } from './store/discovery-catalog.ts'
import type { OrganizationStore } from './store/organizations.ts'
import type { ProgramStore } from './store/programs.ts'

export type Dependencies = {
  organizations: OrganizationStore
  programs: ProgramStore
  courseRuns: CourseRunStore
  discoveryCatalog: DiscoveryCatalogStore
  accessControl: AccessControl
  details: ProgramDetails
  /** Undefined where operators make the catalog. */
  discovery: Discovery | undefined
}

export function routeCatalog(router: ConnectRouter, dependencies: Dependencies): void {
  router.service(CatalogService, {
    getProgram: getProgram(dependencies),
    listPrograms: listPrograms(dependencies),
    listCourseRuns: listCourseRuns(dependencies),
    getOrganization: getOrganization(dependencies),
    createOrganization: createOrganization(dependencies),
    createProgram: createProgram(dependencies),
    addCourseRun: addCourseRun(dependencies),
    flushProgramCache: flushProgramCache(dependencies),
    importPrograms: importPrograms(dependencies),
    syncWithDiscovery: syncWithDiscovery(dependencies),
    ensureReportGroups: ensureReportGroups(dependencies),
  })
}
