import fastifySwagger from '@fastify/swagger'
import { type FastifyInstance, type FastifyReply, fastify } from 'fastify'
import Type from 'typebox'
import { anonymousFaults } from '../schemas/errors.ts'
import { declareRateLimit } from '../schemas/rate-limit.ts'

const documentUrl = '/api-docs/openapi.json'

/** Gathers the routes' own schemas; to be added before the routes. */
export async function gatherSchemas(app: FastifyInstance): Promise<void> {
  await app.register(fastifySwagger, {
    transformObject: (document) =>
      'openapiObject' in document ? declareRateLimit(document.openapiObject) : document.swaggerObject,
    openapi: {
      openapi: '3.1.0',
      info: {
        title: 'Registrar API',
        version: '3',
        description:
          'Lets a school read and write the enrollments of its learners. Every call carries `Authorization: JWT <token>`. ' +
          'v1 and v2 are the same; v3 lists programs by pages. A path works with and without a slash at its end.',
      },
      servers: [{ url: '/' }],
      security: [{ jwt: [] }],
      tags: [
        { name: 'programs', description: 'Programs and their course runs.' },
        { name: 'enrollments', description: 'Reads run as jobs; writes take up to 25 learners.' },
        { name: 'uploads', description: 'CSV files of any number of learners.' },
        { name: 'jobs', description: 'What runs in the background, and its results.' },
        { name: 'reports', description: 'Files about a program.' },
        { name: 'operations' },
      ],
      components: {
        securitySchemes: {
          jwt: { type: 'apiKey', in: 'header', name: 'Authorization', description: '`JWT <token>`' },
        },
      },
    },
  })
}

/** GET /api-docs/: the API's documentation, to read and to try, and beside it the OpenAPI document. Nothing of it comes from elsewhere. */
export function addApiDocs(app: FastifyInstance): void {
  const schema = { hide: true, response: { 200: Type.String(), 302: Type.Null(), 500: anonymousFaults[500] } }
  let document: string | undefined
  app.get(documentUrl, { schema }, async (_request, reply) => {
    document ??= JSON.stringify(app.swagger())
    return reply.type('application/json').send(document)
  })

  let reference: Promise<FastifyInstance> | undefined
  app.get('/api-docs', { schema }, async (request, reply) => {
    const { format } = request.query as { format?: string }
    if (request.url.split('?', 1)[0] === '/api-docs') return reply.redirect('/api-docs/', 302)
    if (format === 'openapi') return reply.redirect(documentUrl, 302)
    reference ??= openReference()
    return relay(
      await reference,
      '/api-docs/',
      reply.header('content-security-policy', contentSecurityPolicy),
    )
  })
  app.get('/api-docs/js/scalar.js', { schema }, async (_request, reply) => {
    reference ??= openReference()
    return relay(
      await reference,
      '/api-docs/js/scalar.js',
      reply.header('cache-control', 'public, max-age=3600'),
    )
  })
}

// Loaded when somebody first reads the documentation: it takes 30 MB, which most gateways never need.
async function openReference(): Promise<FastifyInstance> {
  const { default: fastifyApiReference } = await import('@scalar/fastify-api-reference')
  const reference = fastify()
  await reference.register(fastifyApiReference, {
    routePrefix: '/api-docs',
    configuration: {
      pageTitle: 'Registrar API - Online Documentation',
      url: documentUrl,
      withDefaultFonts: false,
      telemetry: false,
      // Their buttons lead to a company's site.
      showDeveloperTools: 'never',
      hideClientButton: true,
      agent: { disabled: true },
      mcp: { disabled: true },
    },
  })
  return reference
}

async function relay(reference: FastifyInstance, url: string, reply: FastifyReply): Promise<FastifyReply> {
  const { headers, rawPayload } = await reference.inject({ url })
  return reply.type(String(headers['content-type'])).send(rawPayload)
}

const contentSecurityPolicy = [
  "default-src 'none'",
  "script-src 'self' 'unsafe-inline' 'unsafe-eval'",
  "style-src 'self' 'unsafe-inline'",
  "img-src 'self' data: blob:",
  "font-src 'self' data:",
  "connect-src 'self'",
  "worker-src 'self' blob:",
  "base-uri 'none'",
  "form-action 'none'",
].join('; ')
