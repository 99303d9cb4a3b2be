import type { ServiceImpl } from '@connectrpc/connect'
import { pino } from 'pino'
import { type RpcServer, type RpcServerOptions, startRpcServer } from '../rpc-server.ts'
import { createTokenVerifier } from '../tokens.ts'
import { ProbeService } from './probe-service.ts'
import type { TestTokens } from './tokens.ts'

/** A server of the probe service on a free port; `more` replaces what it is started with. */
export function startProbeServer(
  tokens: TestTokens,
  implementation: Partial<ServiceImpl<typeof ProbeService>>,
  more: Partial<RpcServerOptions> = {},
): Promise<RpcServer> {
  return startRpcServer({
    name: 'probe',
    host: '127.0.0.1',
    port: 0,
    routes: (router) => router.service(ProbeService, implementation),
    services: [ProbeService],
    verifier: createTokenVerifier(tokens.config),
    logger: pino({ level: 'silent' }),
    isReady: async () => true,
    ...more,
  })
}
