import type { FastifyReply, FastifyRequest } from 'fastify'
import Type from 'typebox'
import { Permission } from '#proto/registrar/accesscontrol/v1/permission_pb.ts'
import { type Job, type JobKind, ResultFormat } from '#proto/registrar/jobs/v1/job_pb.ts'
import { type Clients, callOptionsOf } from '../clients.ts'
import { detail, notFoundText } from '../http-errors.ts'
import { callerFaults } from '../schemas/errors.ts'
import { jobAcceptanceSchema } from '../schemas/job.ts'
import type { CourseParams } from '../schemas/parameters.ts'
import { checkProgram } from './program-check.ts'
import type { Route } from './resource.ts'

/** Where a version of the API hands out the URLs of jobs. */
export type JobLinks = { jobUrl: (id: string) => string }

const formats = new Map([
  ['json', ResultFormat.JSON],
  ['csv', ResultFormat.CSV],
])

const formatQuery = Type.Object({
  fmt: Type.Optional(
    Type.String({
      enum: [...formats.keys()],
      description: 'Form of the result; `json` when absent, 404 for any other.',
    }),
  ),
})

/** A GET that starts a job which reads, and the HEAD beside it, which asks for the same and starts nothing. */
export function readJobRoutes(
  clients: Clients,
  links: JobLinks,
  job: { kind: JobKind; operationId: string; summary: string; params: unknown },
): { GET: Route; HEAD: Route } {
  const schema = {
    operationId: job.operationId,
    summary: job.summary,
    tags: ['enrollments'],
    params: job.params,
    querystring: formatQuery,
    response: { 202: jobAcceptanceSchema, ...callerFaults },
  }

  const check = (request: FastifyRequest) => {
    const { course_id: courseId } = request.params as Partial<CourseParams>
    return checkProgram(clients, request, { permission: Permission.READ_ENROLLMENTS, courseId })
  }

  return {
    GET: {
      schema,
      handler: async (request, reply) => {
        const format = formatOf(request)
        if (format === undefined) {
          await check(request)
          throw detail(404, notFoundText)
        }
        const { program_key: programKey, course_id: courseId } = request.params as CourseParams
        const answer = await clients.jobs.createReadJob(
          { kind: job.kind, programKey, courseId, format },
          callOptionsOf(request),
        )
        return acceptJob(reply, links, answer.job)
      },
    },
    HEAD: {
      schema: { ...schema, response: { 200: Type.Null(), ...callerFaults } },
      handler: async (request, reply) => {
        await check(request)
        if (formatOf(request) === undefined) throw detail(404, notFoundText)
        return reply.code(200).type('application/json').send('')
      },
    },
  }
}

function formatOf(request: FastifyRequest): ResultFormat | undefined {
  const { fmt = 'json' } = request.query as { fmt?: string }
  return formats.get(fmt)
}

/** 202, and where to ask. */
export function acceptJob(reply: FastifyReply, links: JobLinks, job: Job | undefined) {
  const jobId = job?.id ?? ''
  const jobUrl = links.jobUrl(jobId)
  reply.code(202).headers({ location: jobUrl, 'retry-after': '1' })
  return { job_id: jobId, job_url: jobUrl }
}
