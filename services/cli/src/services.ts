import { randomUUID } from 'node:crypto'
import type { DescService } from '@bufbuild/protobuf'
import { type Client, Code, ConnectError } from '@connectrpc/connect'
import { requestIdHeader } from '#kit/call-context.ts'
import { Reason } from '#kit/errors.ts'
import { createRpcClient, isTlsFailure } from '#kit/rpc-client.ts'
import { reasonOf } from '#kit/rpc-errors.ts'
import { type PeerName, settingPrefixOf } from '#kit/settings.ts'
import { createServiceTokenIssuer } from '#kit/tokens.ts'
import { AccessControlService } from '#proto/registrar/accesscontrol/v1/access_control_service_pb.ts'
import { CatalogService } from '#proto/registrar/catalog/v1/catalog_service_pb.ts'
import { EnrollmentService } from '#proto/registrar/enrollment/v1/enrollment_service_pb.ts'
import { JobsService } from '#proto/registrar/jobs/v1/jobs_service_pb.ts'
import { readConnectionConfig } from './config.ts'
import { Refusal } from './refusal.ts'

/** The services, called as `operator`. A call that fails throws a Refusal. */
export type Services = {
  accessControl: Client<typeof AccessControlService>
  catalog: Client<typeof CatalogService>
  enrollment: Client<typeof EnrollmentService>
  jobs: Client<typeof JobsService>
}

export async function connectServices(env: NodeJS.ProcessEnv): Promise<Services> {
  const { serviceKey, peers, tls } = await readConnectionConfig(env)
  const token = createServiceTokenIssuer(serviceKey.privateJwk, 'operator')
  const connect = <S extends DescService>(service: S, name: keyof typeof peers) =>
    explaining(createRpcClient(service, peers[name], { token, tls, patienceMs: 500 }), {
      name,
      url: peers[name],
    })
  return {
    accessControl: connect(AccessControlService, 'access-control'),
    catalog: connect(CatalogService, 'catalog'),
    enrollment: connect(EnrollmentService, 'enrollment'),
    jobs: connect(JobsService, 'jobs'),
  }
}

type Peer = { name: PeerName; url: string }
type UnaryCall = (request: unknown, options: object) => Promise<unknown>

function explaining<S extends DescService>(client: Client<S>, peer: Peer): Client<S> {
  return new Proxy(client, {
    get(target, method) {
      const call = Reflect.get(target, method) as UnaryCall
      return async (request: unknown, options: object = {}) => {
        const requestId = randomUUID()
        try {
          return await call(request, { ...options, headers: { [requestIdHeader]: requestId } })
        } catch (error) {
          throw explainFailure(error, peer, requestId)
        }
      }
    },
  })
}

function explainFailure(error: unknown, { name, url }: Peer, requestId: string): Refusal {
  const reason = reasonOf(error)
  const { code, rawMessage } = ConnectError.from(error)
  const because = (message: string) => new Refusal(message, { reason, cause: error })
  if (reason === Reason.TOKEN_INVALID || reason === Reason.CREDENTIALS_MISSING) {
    return because(
      `${name} at ${url} does not know this command's key: set SERVICE_PRIVATE_KEY, or REGISTRAR_DATA_DIR, to what the services use.`,
    )
  }
  if (reason === Reason.INTERNAL || (reason === undefined && isFault(code))) {
    return because(`${name} at ${url} failed: its log tells why, under request id ${requestId}.`)
  }
  if (reason === Reason.UNAVAILABLE) return because(`${name} at ${url} cannot do this now: ${rawMessage}.`)
  if (reason !== undefined) return because(rawMessage.charAt(0).toUpperCase() + rawMessage.slice(1))
  switch (code) {
    case Code.Unavailable:
      if (isTlsFailure(error))
        return because(
          `${name} at ${url} and this command do not accept each other’s certificates: set TLS_CA_FILE, TLS_CERT_FILE and TLS_KEY_FILE as for the services.`,
        )
      return because(`${name} at ${url} cannot be reached: start it or set ${settingPrefixOf(name)}_URL.`)
    case Code.DeadlineExceeded:
      return because(`${name} at ${url} did not answer in time: try again, or see what keeps it busy.`)
    default:
      return because(`${name} at ${url} refused: ${rawMessage || Code[code]}.`)
  }
}

function isFault(code: Code): boolean {
  return code === Code.Internal || code === Code.Unknown || code === Code.DataLoss
}
