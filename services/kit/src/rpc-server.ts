import type { Http2Server } from 'node:http2'
import type { AddressInfo } from 'node:net'
import type { DescService } from '@bufbuild/protobuf'
import { Code, ConnectError, type ConnectRouter } from '@connectrpc/connect'
import { fastifyConnectPlugin } from '@connectrpc/connect-fastify'
import { compressionGzip } from '@connectrpc/connect-node'
import { fastify } from 'fastify'
import { Health } from '#proto/health/v1/health_pb.ts'
import { ConfigError } from './config.ts'
import { type CallLimits, defaultCallLimits, enforceDeadline } from './deadlines.ts'
import { routeHealth } from './health.ts'
import { type BoundedHttp2Server, createBoundedHttp2Server, type ServerTls } from './http2-server.ts'
import { assignRequestId, authenticate, logCalls, translateErrors } from './interceptors.ts'
import type { Logger } from './logger.ts'
import type { Metrics } from './metrics.ts'
import { createServerMeter } from './metrics-rpc.ts'
import { countRefusedTokens } from './metrics-tokens.ts'
import { explainProtocolErrors } from './protocol-errors.ts'
import { routeReflection } from './reflection.ts'
import { settingPrefixOf } from './settings.ts'
import type { TokenVerifier } from './tokens.ts'
import { traceServedCalls } from './tracing-rpc.ts'
import { createUnaryServer } from './unary-server.ts'

export type RpcServerOptions = {
  /** The service's name, as in its settings. */
  name: string
  host: string
  /** 0 takes a free one: tests only. */
  port: number
  /** Speaks TLS; without TLS when absent. */
  tls?: ServerTls
  routes: (router: ConnectRouter) => void
  /** What `routes` serves; told by health and reflection. */
  services: readonly DescService[]
  verifier: TokenVerifier
  logger: Logger
  /** Measures the calls and counts the tokens that are refused; nothing is measured when absent. */
  metrics?: Metrics
  /** Whether calls can be served now: the database answers, the schema is up to date. */
  isReady: () => Promise<boolean>
  /** The largest message taken, in bytes; 16 MiB by default. */
  readMaxBytes?: number
  /** How long calls may take when the caller does not say. */
  limits?: CallLimits
  /** How long `close` lets calls in flight go on, in milliseconds; 8 seconds by default. */
  drainMs?: number
}

export type RpcServer = {
  url: string
  /** Says to who asks that it is not ready, and serves on. */
  leave(): void
  /** Takes no new calls, lets those in flight end within `drainMs`, ends the rest, then resolves. */
  close(): Promise<void>
}

const defaultReadMaxBytes = 16 * 1024 * 1024
const defaultDrainMs = 8_000
const lastCallMs = 500

/**
 * Serves Connect, gRPC and gRPC-Web over HTTP/2 on one port, with or without TLS, with grpc.health.v1 and server reflection.
 * ConfigError when the port cannot be had.
 */
export async function startRpcServer(options: RpcServerOptions): Promise<RpcServer> {
  const { logger, limits = defaultCallLimits, drainMs = defaultDrainMs } = options
  const closing = new AbortController()
  const drained = new AbortController()
  let http2: BoundedHttp2Server | undefined
  const readMaxBytes = options.readMaxBytes ?? defaultReadMaxBytes
  const interceptors = [
    ...traceServedCalls(),
    assignRequestId(),
    logCalls(logger, options.metrics && createServerMeter(options.metrics)),
    translateErrors(),
    enforceDeadline(limits),
    authenticate(options.metrics ? countRefusedTokens(options.metrics, options.verifier) : options.verifier),
  ]
  const unary = createUnaryServer({ interceptors, readMaxBytes, shutdownSignal: drained.signal })
  const app = fastify({
    http2: true,
    serverFactory: (handler) => {
      http2 = createBoundedHttp2Server(
        (request, response) => {
          if (!unary.takes(request.stream, request.headers)) handler(request, response)
        },
        Math.max(limits.streamMs, limits.unaryMs) + 5_000,
        options.tls,
      )
      http2.server.on('tlsClientError', (error) => logger.debug({ err: error }, 'a TLS handshake failed'))
      return http2.server as Http2Server
    },
  })
  await app.register(fastifyConnectPlugin, {
    readMaxBytes,
    acceptCompression: [compressionGzip],
    shutdownSignal: drained.signal,
    interceptors,
    routes: (router) => {
      options.routes(unary.withRoutesOf(router))
      const names = options.services.map(({ typeName }) => typeName)
      routeHealth(router, names, options.isReady, closing.signal)
      routeReflection(router, [...options.services, Health])
      explainProtocolErrors(router)
    },
  })
  try {
    await app.listen({ host: options.host, port: options.port })
  } catch (error) {
    throw explainListenError(error, options)
  }
  const { port } = app.server.address() as AddressInfo
  const scheme = options.tls === undefined ? 'http' : 'https'
  const url = `${scheme}://${options.host.includes(':') ? `[${options.host}]` : options.host}:${port}`
  logger.info({ url }, `${options.name} listens`)
  return {
    url,
    leave: () => closing.abort(),
    async close() {
      closing.abort()
      const stopping = new ConnectError('the service is stopping', Code.Unavailable)
      const timers = [
        setTimeout(() => drained.abort(stopping), drainMs),
        setTimeout(() => http2?.destroySessions(), drainMs + lastCallMs),
      ]
      await app.close()
      for (const timer of timers) clearTimeout(timer)
    },
  }
}

function explainListenError(error: unknown, { host, port, name }: RpcServerOptions): unknown {
  const { code } = error as NodeJS.ErrnoException
  if (code === undefined) return error
  const prefix = settingPrefixOf(name)
  return new ConfigError(
    code === 'EADDRINUSE'
      ? `Port ${port} is taken: stop what uses it, or set ${prefix}_PORT to a free one.`
      : `${host}:${port} cannot be listened on (${code}): set ${prefix}_HOST and ${prefix}_PORT to an address of this machine.`,
  )
}
