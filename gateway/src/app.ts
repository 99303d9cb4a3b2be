import { METHODS } from 'node:http'
import type { Server } from 'node:https'
import fastifyCookie from '@fastify/cookie'
import { type FastifyInstance, fastify, LogController } from 'fastify'
import type { Logger } from '#kit/logger.ts'
import type { Metrics } from '#kit/metrics.ts'
import { followTlsFiles, type TlsFiles } from '#kit/tls-files.ts'
import type { TokenVerifier } from '#kit/tokens.ts'
import type { Clients } from './clients.ts'
import { addAccessLog } from './plugins/access-log.ts'
import { addApiDocs, gatherSchemas } from './plugins/api-docs.ts'
import { addAuthentication } from './plugins/authentication.ts'
import { addCommonHeaders, requestIdFor } from './plugins/common-headers.ts'
import { addCors } from './plugins/cors.ts'
import { addDraining } from './plugins/draining.ts'
import { addErrorHandling, answerClientError, answerFrameworkError } from './plugins/error-handling.ts'
import { addHangUp } from './plugins/hang-up.ts'
import { addMetrics } from './plugins/metrics.ts'
import { addNegotiation } from './plugins/negotiation.ts'
import { createRateLimit } from './plugins/rate-limit.ts'
import { addTracing } from './plugins/tracing.ts'
import { addEnrollments } from './routes/enrollments.ts'
import { addHealth } from './routes/health.ts'
import { addInternal } from './routes/internal.ts'
import { addJobs } from './routes/jobs.ts'
import { addMedia } from './routes/media.ts'
import { addPages } from './routes/pages.ts'
import { addPrograms } from './routes/programs.ts'
import { addReports } from './routes/reports.ts'
import { addUploads } from './routes/uploads.ts'
import { addV3 } from './routes/v3.ts'
import { joinCourseSegments, readQuery } from './schemas/parameters.ts'

export type AppOptions = {
  clients: Clients
  /** Accepts the scheme `JWT` only. */
  verifier: TokenVerifier
  logger: Logger
  /** Measures the requests; nothing is measured when absent. */
  metrics?: Metrics
  /** The certificate for HTTPS; HTTP when absent. */
  tls?: TlsFiles
  /** Prefix of every URL that the API hands out, without a slash at its end. */
  apiRoot: string
  /** Origins whose pages may call the API from a browser. */
  corsOrigins: readonly string[]
  /** Requests that a caller may send in a minute; any number by default. */
  rateLimit?: number
  /** How long a request may take to arrive, in milliseconds; two minutes by default. */
  requestTimeoutMs?: number
}

/** The gateway, ready to listen. */
export async function buildApp(options: AppOptions): Promise<FastifyInstance> {
  const app = createServer(options)
  addTracing(app)
  if (options.metrics !== undefined) addMetrics(app, options.metrics)
  addDraining(app)
  addHangUp(app)
  addErrorHandling(app)
  addAccessLog(app)
  addCommonHeaders(app)
  addCors(app, options.corsOrigins)
  // Cookies are parsed by who wants them.
  await app.register(fastifyCookie, { hook: false })
  await gatherSchemas(app)
  await app.register(async (open) => addOpenRoutes(open, options))
  await app.register(async (api) => addApiRoutes(api, options))
  return app
}

function createServer({ logger, tls, requestTimeoutMs = 120_000 }: AppOptions): FastifyInstance {
  const http = {
    // Node's own refusal has no body; addErrorHandling's has.
    requireHostHeader: false,
    connectionsCheckingInterval: Math.min(requestTimeoutMs, 10_000),
    headersTimeout: Math.min(requestTimeoutMs, 30_000),
  }
  const app = fastify({
    loggerInstance: logger,
    logController: new LogController({ disableRequestLogging: true, requestIdLogLabel: 'requestId' }),
    genReqId: requestIdFor,
    rewriteUrl: (request) => joinCourseSegments(request.url ?? '/'),
    routerOptions: { ignoreTrailingSlash: true, maxParamLength: 8_192, querystringParser: readQuery },
    exposeHeadRoutes: false,
    // While it closes it serves what still comes; a 503 would be a fault that nobody has.
    return503OnClosing: false,
    frameworkErrors: answerFrameworkError,
    clientErrorHandler: answerClientError,
    requestTimeout: requestTimeoutMs,
    connectionTimeout: requestTimeoutMs + 60_000,
    keepAliveTimeout: 75_000,
    ...(tls === undefined ? { http } : { https: { ...http, handshakeTimeout: 10_000, ...tls.read() } }),
  }) as unknown as FastifyInstance
  if (tls !== undefined) followTlsFiles(app.server as Server, tls)
  // Every method that HTTP knows is answered with 405 where it is not served, whatever body it brings; CONNECT never gets so far.
  for (const method of METHODS) {
    if (!['POST', 'PATCH', 'CONNECT'].includes(method)) app.addHttpMethod(method, { overrideExisting: true })
  }
  // Schemas document. Requests are checked by hand, in the contract's order, and bodies are read by who wants them.
  app.setValidatorCompiler(() => () => true)
  app.removeAllContentTypeParsers()
  app.addContentTypeParser('*', (_request, _payload, done) => done(null))
  return app
}

async function addOpenRoutes(app: FastifyInstance, { clients, apiRoot }: AppOptions): Promise<void> {
  addHealth(app, clients)
  addPages(app, apiRoot)
  for (const prefix of new Set(['/api', new URL(apiRoot).pathname])) addMedia(app, clients, prefix)
  addApiDocs(app)
}

async function addApiRoutes(app: FastifyInstance, options: AppOptions): Promise<void> {
  const { clients, apiRoot } = options
  addNegotiation(app)
  addAuthentication(app, { ...options, limitRate: await createRateLimit(app, options.rateLimit ?? 0) })
  for (const version of ['v1', 'v2']) {
    const links = { jobUrl: (id: string) => `${apiRoot}/${version}/jobs/${id}` }
    await app.register(
      async (api) => {
        addPrograms(api, clients)
        addEnrollments(api, clients, links)
        addReports(api, clients)
        addJobs(api, clients)
        await api.register(async (uploads) => addUploads(uploads, clients, links))
      },
      { prefix: `/api/${version}` },
    )
  }
  await app.register(async (api) => addV3(api, clients, apiRoot), { prefix: '/api/v3' })
  await app.register(async (api) => addInternal(api, clients), { prefix: '/api/internal' })
}
