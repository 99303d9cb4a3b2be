import type { CallOptions, Client } from '@connectrpc/connect'
import type { FastifyReply, FastifyRequest } from 'fastify'
import { requestIdHeader } from '#kit/call-context.ts'
import { createRpcClient, type RpcClientOptions } from '#kit/rpc-client.ts'
import type { PeerName } from '#kit/settings.ts'
import { Health } from '#proto/health/v1/health_pb.ts'
import { AccessControlService } from '#proto/registrar/accesscontrol/v1/access_control_service_pb.ts'
import { CatalogService } from '#proto/registrar/catalog/v1/catalog_service_pb.ts'
import { EnrollmentService } from '#proto/registrar/enrollment/v1/enrollment_service_pb.ts'
import { JobsService } from '#proto/registrar/jobs/v1/jobs_service_pb.ts'
import { idempotencyKeyOf, passReplayed } from './idempotency-key.ts'

/** Everything that the gateway asks of the services, and nothing that it has no business with. */
export type Clients = {
  accessControl: Pick<Client<typeof AccessControlService>, 'getCaller'>
  catalog: Pick<
    Client<typeof CatalogService>,
    'getProgram' | 'listPrograms' | 'listCourseRuns' | 'flushProgramCache'
  >
  enrollment: Pick<Client<typeof EnrollmentService>, 'writeProgramEnrollments' | 'writeCourseEnrollments'>
  jobs: Pick<
    Client<typeof JobsService>,
    | 'createReadJob'
    | 'createUploadJob'
    | 'getJob'
    | 'listJobs'
    | 'cancelJob'
    | 'listReports'
    | 'readSignedObject'
  >
  /** The health of each service. */
  health: readonly Pick<Client<typeof Health>, 'check'>[]
}

export function createClients(
  peers: Readonly<Record<PeerName, string>>,
  options: Pick<RpcClientOptions, 'tls' | 'metrics'> = {},
): Clients {
  return {
    accessControl: createRpcClient(AccessControlService, peers['access-control'], options),
    catalog: createRpcClient(CatalogService, peers.catalog, options),
    enrollment: createRpcClient(EnrollmentService, peers.enrollment, options),
    jobs: createRpcClient(JobsService, peers.jobs, options),
    health: Object.values(peers).map((url) => createRpcClient(Health, url, options)),
  }
}

/** What every call on behalf of a caller takes along. */
export function callOptionsOf(request: FastifyRequest): CallOptions & { headers: Record<string, string> } {
  return {
    headers: { authorization: `JWT ${request.caller.token}`, [requestIdHeader]: request.id },
    signal: request.hangUp,
  }
}

/** The same, for a call that writes: with its Idempotency-Key, and an LMS may take its time over 25 learners. */
export function writeOptionsOf(request: FastifyRequest, reply: FastifyReply): CallOptions {
  const { headers, ...options } = callOptionsOf(request)
  return {
    ...options,
    headers: { ...headers, ...idempotencyKeyOf(request) },
    onHeader: (answered) => passReplayed(answered, reply),
    timeoutMs: 60_000,
  }
}
