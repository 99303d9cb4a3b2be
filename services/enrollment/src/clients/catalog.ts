import type { Client, HandlerContext } from '@connectrpc/connect'
import { callOptionsOf, principalOf } from '#kit/call-context.ts'
import { DomainError, Reason } from '#kit/errors.ts'
import type { Permission } from '#proto/registrar/accesscontrol/v1/permission_pb.ts'
import type { CatalogService, GetProgramResponse } from '#proto/registrar/catalog/v1/catalog_service_pb.ts'
import type { EnrollmentCourseRun, EnrollmentProgram } from '../domain/program.ts'

/** A program on which the caller may do what was asked. */
export type FoundProgram = {
  program: EnrollmentProgram
  /** Whether a feature flag is on for the caller. All are for our own processes, which have asked before whom they work for. */
  isFlagOn(flag: string): boolean
}

/** How handlers find what a request names; one call to the catalog each, as the caller. */
export type ProgramFinder = {
  /** PROGRAM_NOT_FOUND; PERMISSION_DENIED without the permission. */
  findProgram(
    request: { programKey: string },
    permission: Permission,
    context: HandlerContext,
  ): Promise<FoundProgram>
  /** As `findProgram`; then COURSE_NOT_FOUND. */
  findCourseRun(
    request: { programKey: string; courseId: string },
    permission: Permission,
    context: HandlerContext,
  ): Promise<FoundProgram & { run: EnrollmentCourseRun }>
}

export function createProgramFinder(
  catalog: Pick<Client<typeof CatalogService>, 'getProgram'>,
): ProgramFinder {
  return {
    async findProgram({ programKey }, requiredPermission, context) {
      const response = await catalog.getProgram(
        { key: programKey, requiredPermission },
        callOptionsOf(context),
      )
      return foundIn(response, context)
    },

    async findCourseRun({ programKey, courseId }, requiredPermission, context) {
      const response = await catalog.getProgram(
        { key: programKey, requiredPermission, courseIds: [courseId] },
        callOptionsOf(context),
      )
      return { ...foundIn(response, context), run: runIn(response, courseId) }
    },
  }
}

function foundIn({ program, caller }: GetProgramResponse, context: HandlerContext): FoundProgram {
  if (program === undefined) throw new Error('the catalog answered without a program')
  const { id, key, discoveryUuid: uuid, organizationId, organizationKey, activeCurriculumUuid } = program
  const isService = principalOf(context).kind === 'service'
  return {
    program: {
      uuid,
      organizationId,
      called: { id, key, organizationKey },
      ...(activeCurriculumUuid === undefined ? {} : { activeCurriculumUuid }),
    },
    isFlagOn: (flag) => isService || caller?.flags.includes(flag) === true,
  }
}

function runIn({ courseRuns }: GetProgramResponse, courseId: string): EnrollmentCourseRun {
  // A partner may ask for a course named like a property that every object has.
  const run = Object.hasOwn(courseRuns, courseId) ? courseRuns[courseId] : undefined
  if (run === undefined) throw new DomainError(Reason.COURSE_NOT_FOUND, 'No such course run in the program.')
  return { key: run.key, publicKey: run.externalKey || run.key }
}
