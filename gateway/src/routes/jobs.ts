import type { FastifyInstance, FastifyRequest } from 'fastify'
import Type from 'typebox'
import { type Job, JobState } from '#proto/registrar/jobs/v1/job_pb.ts'
import { type Clients, callOptionsOf } from '../clients.ts'
import { detail, notFoundText } from '../http-errors.ts'
import { callerFaults, jobEndedFault } from '../schemas/errors.ts'
import { jobStatusSchema, renderJob } from '../schemas/job.ts'
import { type JobParams, jobParams, pathParts } from '../schemas/parameters.ts'
import { addResource } from './resource.ts'

const unfinished = [JobState.PENDING, JobState.IN_PROGRESS, JobState.RETRYING]

/** GET /jobs, GET /jobs/{id}, POST /jobs/{id}/cancel. */
export function addJobs(app: FastifyInstance, clients: Clients): void {
  const getJob = async (request: FastifyRequest) => {
    const { job_id: id } = request.params as JobParams
    return requireJob((await clients.jobs.getJob({ id }, callOptionsOf(request))).job)
  }

  addResource(app, {
    url: '/jobs',
    allow: 'GET, HEAD, OPTIONS',
    name: 'Jobs',
    authorize: (request) => clients.accessControl.getCaller({}, callOptionsOf(request)),
    routes: {
      GET: {
        schema: {
          operationId: 'list_jobs',
          summary: 'List your jobs that have not ended',
          tags: ['jobs'],
          response: {
            200: Type.Array(jobStatusSchema, { description: 'Jobs, newest first.' }),
            ...callerFaults,
          },
        },
        handler: async (request) => (await listUnfinishedJobs(clients, request)).map(renderJob),
      },
    },
  })

  addResource(app, {
    url: `/jobs/${pathParts.job}`,
    allow: 'GET, HEAD, OPTIONS',
    name: 'Job',
    authorize: getJob,
    routes: {
      GET: {
        schema: {
          operationId: 'get_job',
          summary: 'Get a job',
          tags: ['jobs'],
          params: jobParams,
          response: { 200: jobStatusSchema, ...callerFaults },
        },
        handler: async (request) => renderJob(await getJob(request)),
      },
    },
  })

  addResource(app, {
    url: `/jobs/${pathParts.job}/cancel`,
    allow: 'POST, OPTIONS',
    name: 'Cancel a job',
    authorize: getJob,
    routes: {
      POST: {
        schema: {
          operationId: 'cancel_job',
          summary: 'Ask a job to stop; it does so within seconds',
          tags: ['jobs'],
          params: jobParams,
          response: { 200: jobStatusSchema, ...callerFaults, ...jobEndedFault },
        },
        handler: async (request) => {
          const { job_id: id } = request.params as JobParams
          const { job } = await clients.jobs.cancelJob({ id }, callOptionsOf(request))
          return renderJob(requireJob(job))
        },
      },
    },
  })
}

async function listUnfinishedJobs({ jobs }: Clients, request: FastifyRequest): Promise<Job[]> {
  const found: Job[] = []
  let pageToken = ''
  do {
    const page = await jobs.listJobs(
      { states: unfinished, pageSize: 1_000, pageToken },
      callOptionsOf(request),
    )
    found.push(...page.jobs)
    pageToken = page.nextPageToken
  } while (pageToken !== '')
  return found
}

function requireJob(job: Job | undefined): Job {
  if (job === undefined) throw detail(404, notFoundText)
  return job
}
