import type { FastifyInstance } from 'fastify'
import { Permission } from '#proto/registrar/accesscontrol/v1/permission_pb.ts'
import { JobKind } from '#proto/registrar/jobs/v1/job_pb.ts'
import type { Clients } from '../clients.ts'
import { courseParams, pathParts, programParams } from '../schemas/parameters.ts'
import { writeRoutes } from './enrollment-writes.ts'
import { checkByMethod, checkProgram } from './program-check.ts'
import { type JobLinks, readJobRoutes } from './read-jobs.ts'
import { addResource } from './resource.ts'

/** Enrollments in programs and course runs, and grades: jobs that read, and writes of up to 25. */
export function addEnrollments(app: FastifyInstance, clients: Clients, links: JobLinks): void {
  const program = `/programs/${pathParts.program}`
  const course = `${program}/courses/${pathParts.course}`

  addResource(app, {
    url: `${program}/enrollments`,
    allow: 'GET, POST, PATCH, HEAD, OPTIONS',
    name: 'Program enrollments',
    authorize: checkByMethod(clients),
    routes: {
      ...readJobRoutes(clients, links, {
        kind: JobKind.LIST_PROGRAM_ENROLLMENTS,
        operationId: 'read_program_enrollments',
        summary: 'Start a job that reads the enrollments in a program',
        params: programParams,
      }),
      ...writeRoutes(clients, 'program'),
    },
  })

  addResource(app, {
    url: `${course}/enrollments`,
    allow: 'GET, POST, PATCH, HEAD, OPTIONS',
    name: 'Course enrollments',
    authorize: checkByMethod(clients),
    routes: {
      ...readJobRoutes(clients, links, {
        kind: JobKind.LIST_COURSE_RUN_ENROLLMENTS,
        operationId: 'read_course_enrollments',
        summary: 'Start a job that reads the enrollments in a course run',
        params: courseParams,
      }),
      ...writeRoutes(clients, 'course run'),
    },
  })

  addResource(app, {
    url: `${course}/grades`,
    allow: 'GET, HEAD, OPTIONS',
    name: 'Course grades',
    authorize: (request) => checkProgram(clients, request, { permission: Permission.READ_ENROLLMENTS }),
    routes: readJobRoutes(clients, links, {
      kind: JobKind.GET_COURSE_RUN_GRADES,
      operationId: 'read_course_grades',
      summary: 'Start a job that reads the grades in a course run',
      params: courseParams,
    }),
  })

  addResource(app, {
    url: `${program}/course_enrollments`,
    allow: 'GET, HEAD, OPTIONS',
    name: 'Course enrollments of a program',
    authorize: checkByMethod(clients),
    routes: readJobRoutes(clients, links, {
      kind: JobKind.LIST_ALL_COURSE_RUN_ENROLLMENTS,
      operationId: 'read_all_course_enrollments',
      summary: 'Start a job that reads the enrollments in all course runs of a program',
      params: programParams,
    }),
  })
}
