import type {
  FastifyInstance,
  FastifyReply,
  FastifyRequest,
  FastifySchema,
  HTTPMethods,
  onRequestAsyncHookHandler,
  onSendHookHandler,
} from 'fastify'
import { HttpFault } from '../http-errors.ts'
import { optionsSchema } from '../schemas/options.ts'

export type Route = {
  schema: FastifySchema
  handler: (request: FastifyRequest, reply: FastifyReply) => Promise<unknown>
  /** Runs before Fastify looks at the body; without one the body is left for the handler, whatever it claims to be. */
  onRequest?: onRequestAsyncHookHandler
  onSend?: onSendHookHandler
}

/** A path of the API with all that can be done to it. */
export type Resource = {
  /** With a grammar for each parameter: what does not match is no path of ours. */
  url: string
  /** The methods in the order in which `Allow` names them. */
  allow: string
  /** In a few words, for OPTIONS. */
  name: string
  /** What comes before the question whether a method is allowed: 404 for what is not there, 403 for what is not permitted. */
  authorize: (request: FastifyRequest) => Promise<unknown>
  /** HEAD is answered as GET is, by `HEAD` where that would start something. */
  routes: Partial<Record<'GET' | 'HEAD' | 'POST' | 'PATCH' | 'DELETE', Route>>
}

/** Serves a resource: its own methods, OPTIONS, and 405 for every other method that HTTP knows. */
export function addResource(app: FastifyInstance, resource: Resource): void {
  const { url, allow, routes } = resource
  const config = { allow, route: `${app.prefix}${url.replace(/:(\w+)\([^)]*\)/g, '{$1}')}` }
  const served = { ...routes, ...(routes.GET && { HEAD: routes.HEAD ?? routes.GET }) }
  for (const [method, route] of Object.entries(served)) {
    app.route({
      method: method as HTTPMethods,
      url,
      config,
      schema: method === 'HEAD' ? { ...route.schema, hide: true } : named(route.schema, app.prefix),
      onRequest: route.onRequest ?? setBodyAside,
      ...(route.onSend && { onSend: route.onSend }),
      handler: route.handler,
    })
  }
  app.route({
    method: app.supportedMethods.filter((method) => !(method in served)) as HTTPMethods[],
    url,
    config,
    schema: optionsSchema,
    onRequest: setBodyAside,
    handler: async (request) => {
      await resource.authorize(request)
      if (request.method === 'OPTIONS') return describe(resource)
      throw new HttpFault(405, { detail: `Method "${request.method}" not allowed.` })
    },
  })
}

// An operation has one id in each version of the API.
function named(schema: FastifySchema, prefix: string): FastifySchema {
  if (schema.operationId === undefined) return schema
  return { ...schema, operationId: `${prefix.split('/').at(-1)}_${schema.operationId}` }
}

// Fastify would judge the Content-Type before the handler is asked; the contract has that judged after the permission.
async function setBodyAside(request: FastifyRequest): Promise<void> {
  request.contentType = request.headers['content-type']
  delete request.raw.headers['content-type']
}

function describe({ name, routes }: Resource) {
  const writing = routes.POST ?? routes.PATCH
  return {
    name,
    description: '',
    renders: ['application/json', 'text/html'],
    parses: writing === undefined ? [] : (writing.schema.consumes ?? ['application/json']),
  }
}

declare module 'fastify' {
  interface FastifyRequest {
    /** The `Content-Type` as it was sent. */
    contentType: string | undefined
  }
}
