import type { FastifyInstance, FastifyRequest } from 'fastify'
import Type from 'typebox'
import { Permission } from '#proto/registrar/accesscontrol/v1/permission_pb.ts'
import { type Clients, callOptionsOf } from '../clients.ts'
import { detail, notFoundText } from '../http-errors.ts'
import { sendEtag } from '../plugins/etag.ts'
import { callerFaults } from '../schemas/errors.ts'
import { type ProgramParams, pathParts, programParams } from '../schemas/parameters.ts'
import { courseRunSchema, programSchema, renderCourseRun, renderProgram } from '../schemas/program.ts'
import { checkProgram } from './program-check.ts'
import { listAllPrograms, programFilters, programQuery, unchangedSchema } from './program-list.ts'
import { addResource } from './resource.ts'

/** GET /programs, GET /programs/P, GET /programs/P/courses. */
export function addPrograms(app: FastifyInstance, clients: Clients): void {
  addResource(app, {
    url: '/programs',
    allow: 'GET, HEAD, OPTIONS',
    name: 'Programs',
    authorize: (request) => clients.accessControl.getCaller({}, callOptionsOf(request)),
    routes: {
      GET: {
        schema: {
          operationId: 'list_programs',
          summary: 'List the programs that you may see',
          tags: ['programs'],
          querystring: programQuery,
          response: {
            200: Type.Array(programSchema, { description: 'Programs, oldest first.' }),
            304: unchangedSchema,
            ...callerFaults,
          },
        },
        onSend: sendEtag,
        handler: async (request) => {
          const filters = await programFilters(clients, request)
          return (await listAllPrograms(clients, request, filters)).map(renderProgram)
        },
      },
    },
  })

  const authorize = (request: FastifyRequest) =>
    checkProgram(clients, request, { permission: Permission.READ_METADATA })

  addResource(app, {
    url: `/programs/${pathParts.program}`,
    allow: 'GET, HEAD, OPTIONS',
    name: 'Program',
    authorize,
    routes: {
      GET: {
        schema: {
          operationId: 'get_program',
          summary: 'Get a program',
          tags: ['programs'],
          params: programParams,
          response: { 200: programSchema, ...callerFaults },
        },
        handler: async (request) => {
          const { program } = await authorize(request)
          if (program === undefined) throw detail(404, notFoundText)
          return renderProgram(program)
        },
      },
    },
  })

  addResource(app, {
    url: `/programs/${pathParts.program}/courses`,
    allow: 'GET, HEAD, OPTIONS',
    name: 'Program courses',
    authorize,
    routes: {
      GET: {
        schema: {
          operationId: 'list_course_runs',
          summary: 'List the course runs of a program',
          tags: ['programs'],
          params: programParams,
          response: {
            200: Type.Array(courseRunSchema, { description: 'Course runs, in the order of the curriculum.' }),
            ...callerFaults,
          },
        },
        handler: async (request) => {
          const { program_key: programKey } = request.params as ProgramParams
          const { courseRuns } = await clients.catalog.listCourseRuns({ programKey }, callOptionsOf(request))
          return courseRuns.map(renderCourseRun)
        },
      },
    },
  })
}
