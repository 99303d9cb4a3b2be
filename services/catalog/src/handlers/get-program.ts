import type { ServiceImpl } from '@connectrpc/connect'
import type { CatalogService } from '#proto/registrar/catalog/v1/catalog_service_pb.ts'
import { openProgram } from '../access.ts'
import type { AccessControl } from '../clients/access-control.ts'
import { resolveCourseRuns } from '../domain/course-run.ts'
import { permissionMissing, tooManyCourseIds } from '../domain/refusals.ts'
import { readPermission, tellCourseRun, tellProgram, tellProgramOutline } from '../messages.ts'
import type { ProgramDetails } from '../program-details.ts'
import type { CourseRunStore } from '../store/course-runs.ts'
import type { ProgramStore } from '../store/programs.ts'

type Dependencies = {
  programs: Pick<ProgramStore, 'find'>
  courseRuns: Pick<CourseRunStore, 'findMatching'>
  accessControl: AccessControl
  details: Pick<ProgramDetails, 'fetch'>
}

const maximumCourseIds = 1_000

export function getProgram(dependencies: Dependencies): ServiceImpl<typeof CatalogService>['getProgram'] {
  return async ({ key, courseIds, requiredPermission }, context) => {
    const { program, caller, permissions, may } = await openProgram(dependencies, key, context)
    const required = readPermission('required_permission', requiredPermission)
    if (required !== undefined && !may(required)) throw permissionMissing(required)
    if (courseIds.length > maximumCourseIds) throw tooManyCourseIds(maximumCourseIds)
    if (required === undefined && !may('read_metadata')) {
      return { program: tellProgramOutline(program, permissions), caller }
    }
    const isAsking = courseIds.length > 0 && program.activeCurriculumUuid !== null
    const runs = isAsking ? await dependencies.courseRuns.findMatching(program.id, courseIds) : []
    const found = resolveCourseRuns(runs, courseIds)
    return {
      program: tellProgram(program, permissions),
      caller,
      courseRuns: Object.fromEntries([...found].map(([id, run]) => [id, tellCourseRun(run)])),
    }
  }
}
