import type { ServiceImpl } from '@connectrpc/connect'
import type { CatalogService } from '#proto/registrar/catalog/v1/catalog_service_pb.ts'
import { admitSuperuser } from '../access.ts'
import type { AccessControl } from '../clients/access-control.ts'
import type { Discovery } from '../clients/discovery.ts'
import { draftCourseRun } from '../domain/drafts.ts'
import { alreadyExists, keptByDiscovery, noActiveCurriculum, programNotFound } from '../domain/refusals.ts'
import { tellCourseRun } from '../messages.ts'
import type { CourseRunStore } from '../store/course-runs.ts'
import type { ProgramStore } from '../store/programs.ts'

type Dependencies = {
  programs: Pick<ProgramStore, 'find'>
  courseRuns: Pick<CourseRunStore, 'append'>
  accessControl: AccessControl
  discovery: Discovery | undefined
}

export function addCourseRun(dependencies: Dependencies): ServiceImpl<typeof CatalogService>['addCourseRun'] {
  return async ({ programKey, courseRun }, context) => {
    await admitSuperuser(dependencies, context)
    const program = await dependencies.programs.find(programKey)
    if (program === undefined) throw programNotFound()
    if (dependencies.discovery !== undefined) throw keptByDiscovery()
    const run = draftCourseRun(courseRun)
    const outcome = await dependencies.courseRuns.append(program.id, run)
    if (outcome === 'no-curriculum') throw noActiveCurriculum()
    if (outcome === 'taken') throw alreadyExists('a course run with this key or external key in the program')
    return { courseRun: tellCourseRun(run) }
  }
}
