import type { FastifyReply, FastifyRequest } from 'fastify'
import { DomainError, Reason } from '#kit/errors.ts'
import { Permission } from '#proto/registrar/accesscontrol/v1/permission_pb.ts'
import { WriteMode, type WriteResult } from '#proto/registrar/enrollment/v1/enrollment_write_pb.ts'
import { type Clients, writeOptionsOf } from '../clients.ts'
import { toHttpFault } from '../http-errors.ts'
import { checkIdempotencyKey } from '../idempotency-key.ts'
import { readJsonBody } from '../json-body.ts'
import {
  courseWritesSchema,
  programWritesSchema,
  type ReadItems,
  readItems,
  renderResults,
  statusOf,
  writeResultSchema,
} from '../schemas/enrollment-write.ts'
import { callerFaults, unwritableFault, writeFaults } from '../schemas/errors.ts'
import { idempotencyHeaders, replayedHeaders } from '../schemas/idempotency.ts'
import { type CourseParams, courseParams, programParams } from '../schemas/parameters.ts'
import { checkProgram } from './program-check.ts'
import type { Route } from './resource.ts'

const courseStaffFlag = 'enable_course_role_management'

/** POST (create only) and PATCH (update only) of up to 25 enrollments in a program or in one of its course runs. */
export function writeRoutes(clients: Clients, into: 'program' | 'course run'): { POST: Route; PATCH: Route } {
  const forCourse = into === 'course run'
  const schemaFor = (verb: 'create' | 'change') => ({
    operationId: `${verb}_${forCourse ? 'course' : 'program'}_enrollments`,
    summary: `${verb === 'create' ? 'Create' : 'Change'} up to 25 enrollments in a ${into}`,
    tags: ['enrollments'],
    params: forCourse ? courseParams : programParams,
    headers: idempotencyHeaders,
    body: forCourse ? courseWritesSchema : programWritesSchema,
    response: {
      200: { ...writeResultSchema, description: 'All were written.', headers: replayedHeaders },
      207: { ...writeResultSchema, description: 'Some were written.', headers: replayedHeaders },
      422: {
        anyOf: [writeResultSchema, unwritableFault],
        description:
          'None was written, the program has no active curriculum, or the Idempotency-Key was used for another request.',
        headers: replayedHeaders,
      },
      ...callerFaults,
      ...writeFaults,
    },
  })

  async function write(mode: WriteMode, request: FastifyRequest, reply: FastifyReply) {
    const read = await readWrites(request, forCourse)
    if (read.fault !== undefined || read.items.length === 0) await refuse(request, read)
    const results = read.items.length === 0 ? [] : await send(mode, request, reply, read.items)
    return reply.code(statusOf(results)).type('application/json').send(renderResults(results))
  }

  // What the services would have said comes first.
  async function refuse(request: FastifyRequest, { fault, hasCourseStaff }: ReadItems): Promise<void> {
    const { course_id: courseId } = request.params as Partial<CourseParams>
    const { caller } = await checkProgram(clients, request, {
      permission: Permission.WRITE_ENROLLMENTS,
      courseId,
    })
    if (hasCourseStaff && !caller?.flags.includes(courseStaffFlag)) {
      throw new DomainError(Reason.COURSE_STAFF_DISABLED, 'the flag is off')
    }
    if (fault !== undefined) throw fault
  }

  async function send(
    mode: WriteMode,
    request: FastifyRequest,
    reply: FastifyReply,
    items: ReadItems['items'],
  ): Promise<WriteResult[]> {
    const { program_key: programKey, course_id: courseId } = request.params as CourseParams
    const options = writeOptionsOf(request, reply)
    const { results } = forCourse
      ? await clients.enrollment.writeCourseEnrollments(
          { programKey, courseId, mode, enrollments: items },
          options,
        )
      : await clients.enrollment.writeProgramEnrollments({ programKey, mode, enrollments: items }, options)
    return results
  }

  return {
    POST: {
      schema: schemaFor('create'),
      handler: (request, reply) => write(WriteMode.CREATE, request, reply),
    },
    PATCH: {
      schema: schemaFor('change'),
      handler: (request, reply) => write(WriteMode.UPDATE, request, reply),
    },
  }
}

async function readWrites(request: FastifyRequest, forCourse: boolean): Promise<ReadItems> {
  try {
    checkIdempotencyKey(request)
    return readItems(await readJsonBody(request), forCourse)
  } catch (error) {
    return { items: [], hasCourseStaff: false, fault: toHttpFault(error) }
  }
}
