import type { FastifyInstance, FastifyRequest } from 'fastify'
import Type from 'typebox'
import { Reason } from '#kit/errors.ts'
import { reasonOf } from '#kit/rpc-errors.ts'
import { type Clients, callOptionsOf } from '../clients.ts'
import { detail, notFoundText } from '../http-errors.ts'
import { callerFaults } from '../schemas/errors.ts'
import { type ProgramParams, pathParts } from '../schemas/parameters.ts'
import { addResource, type Resource } from './resource.ts'

/** All of /api/internal: staff make the catalog forget what it remembers of programs. To everybody else nothing is here. */
export function addInternal(app: FastifyInstance, clients: Clients): void {
  const cache: Omit<Resource, 'url'> = {
    allow: 'DELETE, OPTIONS',
    name: 'Program cache',
    authorize: async (request) => {
      const { caller } = await clients.accessControl.getCaller({}, callOptionsOf(request))
      if (caller?.staff !== true) throw detail(404, notFoundText)
    },
    routes: {
      DELETE: {
        schema: { hide: true, response: { 204: Type.Null(), ...callerFaults } },
        handler: async (request, reply) => {
          await flush(clients, request)
          return reply.code(204).send()
        },
      },
    },
  }
  addResource(app, { url: '/cache', ...cache })
  addResource(app, { url: `/cache/${pathParts.program}`, ...cache })
}

async function flush({ catalog }: Clients, request: FastifyRequest): Promise<void> {
  const { program_key: programKey = '' } = request.params as Partial<ProgramParams>
  try {
    await catalog.flushProgramCache({ programKey }, callOptionsOf(request))
  } catch (error) {
    const reason = reasonOf(error)
    if (reason === Reason.PERMISSION_DENIED) throw detail(404, notFoundText)
    if (reason === Reason.PROGRAM_NOT_FOUND) throw detail(404, 'No Program matches the given query.')
    throw error
  }
}
