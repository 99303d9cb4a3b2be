import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'

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
  const { config, url = 'none' } = request.routeOptions
  return {
    method: request.method,
    route: config.route ?? url,
    status,
    ...(request.caller === undefined ? {} : { caller: request.caller.username }),
  }
}

declare module 'fastify' {
  interface FastifyContextConfig {
    /** The path with the names of its parameters, where the router's own text is hard to read. */
    route?: string
  }
}
