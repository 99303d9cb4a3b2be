import type {
  DescMessage,
  DescMethod,
  DescMethodUnary,
  Message,
  MessageInitShape,
  MessageShape,
} from '@bufbuild/protobuf'
import { toJson } from '@bufbuild/protobuf'
import { Code, ConnectError, type ConnectRouter, type HandlerContext } from '@connectrpc/connect'
import { principalOf } from '#kit/call-context.ts'
import { createLogger } from '#kit/logger.ts'
import { type RpcServer, startRpcServer } from '#kit/rpc-server.ts'
import { createTestTokens } from '#kit/testing/tokens.ts'
import { createTokenVerifier } from '#kit/tokens.ts'
import { AccessControlService } from '#proto/registrar/accesscontrol/v1/access_control_service_pb.ts'
import { CatalogService } from '#proto/registrar/catalog/v1/catalog_service_pb.ts'
import { EnrollmentService } from '#proto/registrar/enrollment/v1/enrollment_service_pb.ts'
import { JobsService } from '#proto/registrar/jobs/v1/jobs_service_pb.ts'

const services = {
  'access-control': AccessControlService,
  catalog: CatalogService,
  enrollment: EnrollmentService,
  jobs: JobsService,
}
type ServiceName = keyof typeof services
type Reply = (request: Message) => MessageInitShape<DescMessage>

/** Services that answer what a test tells them to, over the real RPC interface, and remember what they were asked. */
export type FakeServices = {
  /** What a process of ours needs to call them as `operator`. */
  env: Record<string, string>
  /** Every call since the last `reset`, as ProtoJSON of the request. */
  calls: { rpc: string; caller: string; request: unknown }[]
  /** What an RPC answers from now on; RPCs without an answer fail. */
  answer<I extends DescMessage, O extends DescMessage>(
    method: DescMethod & { input: I; output: O },
    reply: (request: MessageShape<I>) => MessageInitShape<O>,
  ): void
  reset(): void
  stop(): Promise<void>
}

export async function startFakeServices(): Promise<FakeServices> {
  const tokens = await createTestTokens()
  const calls: FakeServices['calls'] = []
  const replies = new Map<DescMethod, Reply>()
  const verifier = createTokenVerifier(tokens.config)
  const logger = createLogger('fakes', 'silent')

  function route(router: ConnectRouter, name: ServiceName): void {
    for (const method of services[name].methods as DescMethod[]) {
      if (method.methodKind !== 'unary') continue
      router.rpc(method as DescMethodUnary, (request: Message, context: HandlerContext) => {
        const principal = principalOf(context)
        const caller = principal.kind === 'service' ? principal.service : principal.username
        calls.push({ rpc: method.name, caller, request: toJson(method.input, request) })
        const reply = replies.get(method)
        if (reply === undefined) throw new ConnectError(`no answer for ${method.name}`, Code.Unimplemented)
        return reply(request)
      })
    }
  }

  const servers = await Promise.all(
    (Object.keys(services) as ServiceName[]).map((name) =>
      startRpcServer({
        name,
        host: '127.0.0.1',
        port: 0,
        services: [services[name]],
        routes: (router) => route(router, name),
        verifier,
        logger,
        isReady: async () => true,
      }),
    ),
  )
  const [accessControl, catalog, enrollment, jobs] = servers as [RpcServer, RpcServer, RpcServer, RpcServer]
  return {
    env: {
      ACCESS_CONTROL_URL: accessControl.url,
      CATALOG_URL: catalog.url,
      ENROLLMENT_URL: enrollment.url,
      JOBS_URL: jobs.url,
      SERVICE_PRIVATE_KEY: JSON.stringify(tokens.servicePrivateJwk),
    },
    calls,
    answer: (method, reply) => replies.set(method, reply as unknown as Reply),
    reset() {
      calls.length = 0
      replies.clear()
    },
    stop: async () => void (await Promise.all(servers.map((server) => server.close()))),
  }
}
