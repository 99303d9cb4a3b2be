import type { ServiceImpl } from '@connectrpc/connect'
import type { CatalogService } from '#proto/registrar/catalog/v1/catalog_service_pb.ts'
import { openProgram } from '../access.ts'
import type { AccessControl } from '../clients/access-control.ts'
import { permissionMissing } from '../domain/refusals.ts'
import { tellCourseRun } from '../messages.ts'
import type { ProgramDetails } from '../program-details.ts'
import type { CourseRunStore } from '../store/course-runs.ts'
import type { ProgramStore } from '../store/programs.ts'

type Dependencies = {
  programs: Pick<ProgramStore, 'find'>
  courseRuns: Pick<CourseRunStore, 'list'>
  accessControl: AccessControl
  details: Pick<ProgramDetails, 'fetch'>
}

export function listCourseRuns(
  dependencies: Dependencies,
): ServiceImpl<typeof CatalogService>['listCourseRuns'] {
  return async ({ programKey }, context) => {
    const { program, may } = await openProgram(dependencies, programKey, context)
    if (!may('read_metadata')) throw permissionMissing('read_metadata')
    if (program.activeCurriculumUuid === null) return {}
    const runs = await dependencies.courseRuns.list(program.id)
    return { courseRuns: runs.map(tellCourseRun) }
  }
}
