import type { FastifyInstance, FastifyRequest } from 'fastify'
import Type from 'typebox'
import { Permission } from '#proto/registrar/accesscontrol/v1/permission_pb.ts'
import { type Clients, callOptionsOf } from '../clients.ts'
import { invalid } from '../http-errors.ts'
import { callerFaults } from '../schemas/errors.ts'
import { type ProgramParams, pathParts, programParams } from '../schemas/parameters.ts'
import { readDate, renderReport, reportSchema } from '../schemas/report.ts'
import { checkProgram } from './program-check.ts'
import { addResource } from './resource.ts'

/** GET /programs/P/reports. */
export function addReports(app: FastifyInstance, clients: Clients): void {
  const authorize = (request: FastifyRequest) =>
    checkProgram(clients, request, { permission: Permission.READ_REPORTS })

  addResource(app, {
    url: `/programs/${pathParts.program}/reports`,
    allow: 'GET, HEAD, OPTIONS',
    name: 'Program reports',
    authorize,
    routes: {
      GET: {
        schema: {
          operationId: 'list_reports',
          summary: 'List the reports on a program',
          tags: ['reports'],
          params: programParams,
          querystring: Type.Object({
            min_created_date: Type.Optional(
              Type.String({ format: 'date', description: 'Only reports of this day or later.' }),
            ),
          }),
          response: { 200: Type.Array(reportSchema, { description: 'Reports, by name.' }), ...callerFaults },
        },
        handler: async (request) => {
          const { program_key: programKey } = request.params as ProgramParams
          const { min_created_date: given } = request.query as { min_created_date?: string }
          const minCreatedDate = given === undefined ? '' : readDate(given)
          if (minCreatedDate === undefined) {
            await authorize(request)
            throw invalid('expected min_created_date to be a date of the form YYYY-MM-DD')
          }
          const { reports } = await clients.jobs.listReports(
            { programKey, minCreatedDate },
            callOptionsOf(request),
          )
          return reports.map(renderReport)
        },
      },
    },
  })
}
