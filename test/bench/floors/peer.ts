/** The other end of a floor, in a process of its own: `peer.ts KIND PORT [PORT OF THE SERVICE]`. Without tokens, logs or limits. */
import { createServer } from 'node:http2'
import { promisify } from 'node:util'
import { create } from '@bufbuild/protobuf'
import { type ConnectRouter, createClient } from '@connectrpc/connect'
import { connectNodeAdapter, createConnectTransport } from '@connectrpc/connect-node'
import { Server, ServerCredentials } from '@grpc/grpc-js'
import { fastify } from 'fastify'
import { createUnaryServer } from '#kit/unary-server.ts'
import { CatalogService, ListProgramsResponseSchema } from '#proto/registrar/catalog/v1/catalog_service_pb.ts'
import { EnrollmentService } from '#proto/registrar/enrollment/v1/enrollment_service_pb.ts'
import { listSchema, programList, toJson } from './catalog-messages.ts'
import { definitionOf } from './grpc-definition.ts'
import { rowMessages } from './row-messages.ts'

const [kind = '', port = '', servicePort = ''] = process.argv.slice(2)
const routes = (router: ConnectRouter) =>
  router.service(CatalogService, { listPrograms: async () => programList }).service(EnrollmentService, {
    streamProgramEnrollments: async function* () {
      yield* rowMessages
    },
  })

const peers: Record<string, () => Promise<unknown>> = {
  async fastify() {
    const list = create(ListProgramsResponseSchema, programList)
    const app = fastify()
    app.get('/', { schema: { response: { 200: listSchema } } }, async () => toJson(list))
    await app.listen({ host: '127.0.0.1', port: Number(port) })
  },

  async 'echo-gateway'() {
    const baseUrl = `http://127.0.0.1:${servicePort}`
    const transport = createConnectTransport({ baseUrl, httpVersion: '2', acceptCompression: [] })
    const client = createClient(CatalogService, transport)
    const app = fastify()
    app.get('/', { schema: { response: { 200: listSchema } } }, async () =>
      toJson(await client.listPrograms({ pageSize: 1_000 })),
    )
    await app.listen({ host: '127.0.0.1', port: Number(port) })
  },

  connect: () => listen(createServer(connectNodeAdapter({ routes }))),

  ours() {
    const never = new AbortController().signal
    const unary = createUnaryServer({ interceptors: [], readMaxBytes: 1_000_000, shutdownSignal: never })
    const library = connectNodeAdapter({ routes: (router) => void routes(unary.withRoutesOf(router)) })
    return listen(
      createServer((request, response) => {
        if (!unary.takes(request.stream, request.headers)) library(request, response)
      }),
    )
  },

  async 'grpc-js'() {
    const server = new Server()
    server.addService(definitionOf(CatalogService, 'listPrograms'), {
      listPrograms: (_call: unknown, answer: (error: null, message: unknown) => void) =>
        answer(null, create(ListProgramsResponseSchema, programList)),
    })
    server.addService(definitionOf(EnrollmentService, 'streamProgramEnrollments'), {
      async streamProgramEnrollments(stream: {
        write(message: unknown): boolean
        end(): void
        once: NodeJS.EventEmitter['once']
      }) {
        for (const message of rowMessages) {
          if (!stream.write(message)) await new Promise((resolve) => stream.once('drain', resolve))
        }
        stream.end()
      },
    })
    await promisify(server.bindAsync.bind(server))(`127.0.0.1:${port}`, ServerCredentials.createInsecure())
  },
}

function listen(server: ReturnType<typeof createServer>): Promise<void> {
  return new Promise((resolve) => server.listen(Number(port), '127.0.0.1', resolve))
}

await peers[kind]?.()
process.send?.('ready')
process.on('disconnect', () => process.exit())
