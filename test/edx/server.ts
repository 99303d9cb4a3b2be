import Fastify, { type FastifyInstance, type FastifyRequest } from 'fastify'
import { addFaults, FaultSwitches } from './faults.ts'

export type SeenRequest = {
  method: string
  path: string
  authorization: string
  requestId: string
  /** Empty when there was none. */
  traceparent: string
}

/** What both stand-ins have. */
export type StandIn = {
  url: string
  faults: FaultSwitches
  /** The last requests that came in, 100,000 at most; tests may empty it. */
  requests: SeenRequest[]
  /** The paths of requests whose sender hung up before the answer was out; tests may empty it. */
  abandoned: string[]
  close(): Promise<void>
}

const keptRequests = 100_000

/** A server on 127.0.0.1 that remembers requests and suffers faults; `POST /_control/faults` and `/_control/reset` switch them. */
export async function startStandIn(port: number, route: (app: FastifyInstance) => void): Promise<StandIn> {
  const faults = new FaultSwitches()
  const requests: SeenRequest[] = []
  const abandoned: string[] = []
  const app = Fastify({ bodyLimit: 256 * 1024 * 1024, forceCloseConnections: true, requestIdHeader: false })

  app.addHook('onRequest', async (request, reply) => {
    const { method, url: path, headers } = request
    if (path.startsWith('/_control')) return
    reply.raw.once('close', () => {
      if (!reply.raw.writableFinished) abandoned.push(path)
    })
    if (requests.length >= keptRequests) requests.splice(0, keptRequests / 2)
    const { authorization = '', 'x-request-id': requestId = '', traceparent = '' } = headers
    requests.push({
      ...{ method, path, authorization },
      requestId: String(requestId),
      traceparent: String(traceparent),
    })
  })
  addFaults(app, faults)
  app.post('/_control/faults', (request) => {
    faults.set(request.body as Parameters<FaultSwitches['set']>[0])
    return faults.current
  })
  app.post('/_control/faults/reset', () => faults.reset())
  app.get('/_control/requests', () => requests)
  app.setNotFoundHandler((_, reply) => reply.code(404).type('text/html').send('<h1>Not Found</h1>'))
  route(app)

  await app.listen({ host: '127.0.0.1', port })
  const address = app.server.address()
  const boundPort = typeof address === 'object' && address !== null ? address.port : port
  return { url: `http://127.0.0.1:${boundPort}`, faults, requests, abandoned, close: () => app.close() }
}

/** The request's own absolute URL. */
export function urlOf(request: FastifyRequest): URL {
  return new URL(request.url, `http://${request.headers.host}`)
}
