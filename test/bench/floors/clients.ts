import { create } from '@bufbuild/protobuf'
import { createClient, createRouterTransport, type Transport } from '@connectrpc/connect'
import { createConnectTransport, createGrpcTransport } from '@connectrpc/connect-node'
import { Client, credentials } from '@grpc/grpc-js'
import { createRpcClient } from '#kit/rpc-client.ts'
import { CatalogService, ListProgramsRequestSchema } from '#proto/registrar/catalog/v1/catalog_service_pb.ts'
import {
  EnrollmentService,
  StreamProgramEnrollmentsRequestSchema,
} from '#proto/registrar/enrollment/v1/enrollment_service_pb.ts'
import { programList } from './catalog-messages.ts'
import { definitionOf } from './grpc-definition.ts'

/** One way to call a floor. */
export type FloorClient = {
  /** One unary call. */
  call(): Promise<unknown>
  /** Reads a stream to its end. */
  read(): Promise<void>
}

/** connect-node's own client, of either protocol. */
export function connectClient(protocol: 'connect' | 'grpc', baseUrl: string): FloorClient {
  const options = { baseUrl, httpVersion: '2' as const, acceptCompression: [] }
  return overTransport(protocol === 'grpc' ? createGrpcTransport(options) : createConnectTransport(options))
}

/** The client of our own processes. */
export function ourClient(baseUrl: string): FloorClient {
  const catalog = createRpcClient(CatalogService, baseUrl)
  const enrollment = createRpcClient(EnrollmentService, baseUrl)
  return {
    call: () => catalog.listPrograms({ pageSize: 1_000 }),
    read: () => drain(enrollment.streamProgramEnrollments({})),
  }
}

/** Client and handler in one process, with Connect between them and no network. */
export function inProcessClient(): FloorClient {
  return overTransport(
    createRouterTransport((router) =>
      router.service(CatalogService, { listPrograms: async () => programList }),
    ),
  )
}

/** grpc-js on both ends. */
export function grpcClient(address: string): FloorClient {
  const client = new Client(address, credentials.createInsecure())
  const { listPrograms } = definitionOf(CatalogService, 'listPrograms')
  const { streamProgramEnrollments } = definitionOf(EnrollmentService, 'streamProgramEnrollments')
  if (listPrograms === undefined || streamProgramEnrollments === undefined) throw new Error('no such method')
  return {
    call: () =>
      new Promise((resolve, reject) => {
        client.makeUnaryRequest(
          listPrograms.path,
          listPrograms.requestSerialize,
          listPrograms.responseDeserialize,
          create(ListProgramsRequestSchema, { pageSize: 1_000 }),
          (error, message) => (error === null ? resolve(message) : reject(error)),
        )
      }),
    read: () =>
      drain(
        client.makeServerStreamRequest(
          streamProgramEnrollments.path,
          streamProgramEnrollments.requestSerialize,
          streamProgramEnrollments.responseDeserialize,
          create(StreamProgramEnrollmentsRequestSchema),
        ),
      ),
  }
}

function overTransport(transport: Transport): FloorClient {
  const catalog = createClient(CatalogService, transport)
  const enrollment = createClient(EnrollmentService, transport)
  return {
    call: () => catalog.listPrograms({ pageSize: 1_000 }),
    read: () => drain(enrollment.streamProgramEnrollments({})),
  }
}

async function drain(stream: AsyncIterable<unknown>): Promise<void> {
  for await (const _ of stream);
}
