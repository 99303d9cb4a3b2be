import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import { traceFields } from '#kit/tracing.ts'
import type { ProgramParams } from '../schemas/parameters.ts'

// What nginx calls a client that went away before the answer.
const clientGone = 499

/** One line for each request: no query, no body, no header but the request's id. */
export function addAccessLog(app: FastifyInstance): void {
  app.addHook('onResponse', (request, reply, done) => {
    logRequest(request, reply, reply.statusCode)
    done()
  })
  app.addHook('onRequestAbort', (request, done) => {
    request.log.info(lineOf(request, clientGone), 'client gone')
    done()
  })
}

function logRequest(request: FastifyRequest, reply: FastifyReply, status: number): void {
  const ms = Math.round(reply.elapsedTime * 10) / 10
  request.log.info({ ...lineOf(request, status), ms }, 'request')
}

function lineOf(request: FastifyRequest, status: number): Record<string, unknown> {
  return {
    method: request.method,
    route: routeOf(request) ?? 'none',
    status,
    ...programOf(request, status),
    ...(request.caller === undefined ? {} : { caller: request.caller.username }),
    ...traceFields(request.span),
  }
}

/** The path of the route with the names of its parameters, never what was in them; undefined where there is no route. */
export function routeOf({ routeOptions: { config, url } }: FastifyRequest): string | undefined {
  return config.route ?? url
}

/** Which program it was about, as far as that is known to be one: a request that is refused may have named anything. */
function programOf(request: FastifyRequest, status: number): { program?: string } {
  const { program_key: program } = (request.params ?? {}) as Partial<ProgramParams>
  return program !== undefined && (status < 400 || status === 409 || status === 422) ? { program } : {}
}

declare module 'fastify' {
  interface FastifyContextConfig {
    /** The path with the names of its parameters, where the router's own text is hard to read. */
    route?: string
  }
}
