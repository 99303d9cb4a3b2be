import type { FastifyRequest } from 'fastify'
import { DomainError, Reason } from '#kit/errors.ts'
import { Permission } from '#proto/registrar/accesscontrol/v1/permission_pb.ts'
import type { GetProgramResponse } from '#proto/registrar/catalog/v1/catalog_service_pb.ts'
import { type Clients, callOptionsOf } from '../clients.ts'
import type { ProgramParams } from '../schemas/parameters.ts'

/**
 * Asks for what outranks a fault of the request itself: 404 for an unknown program, 403 without the permission, 404 for an
 * unknown course. The services look at the same things in the same order, so a request without a fault needs no asking.
 */
export async function checkProgram(
  { catalog }: Pick<Clients, 'catalog'>,
  request: FastifyRequest,
  wanted: { permission?: Permission; courseId?: string } = {},
): Promise<GetProgramResponse> {
  const { program_key: key } = request.params as ProgramParams
  const { permission, courseId } = wanted
  const answer = await catalog.getProgram(
    { key, courseIds: courseId === undefined ? [] : [courseId], requiredPermission: permission },
    callOptionsOf(request),
  )
  if (courseId !== undefined && !Object.hasOwn(answer.courseRuns, courseId)) {
    throw new DomainError(Reason.COURSE_NOT_FOUND, 'no such course')
  }
  return answer
}

const permissionByMethod: Readonly<Record<string, Permission>> = {
  GET: Permission.READ_ENROLLMENTS,
  HEAD: Permission.READ_ENROLLMENTS,
  POST: Permission.WRITE_ENROLLMENTS,
  PATCH: Permission.WRITE_ENROLLMENTS,
}

/** What a method needs on the paths below /enrollments and /course_enrollments; no permission for those not named. */
export function checkByMethod(clients: Clients) {
  return (request: FastifyRequest) =>
    checkProgram(clients, request, { permission: permissionByMethod[request.method] })
}
