import { createClient } from '@connectrpc/connect'
import { createGrpcTransport } from '@connectrpc/connect-node'
import { openSessionManager } from '#kit/http2-sessions.ts'
import type { TlsFiles } from '#kit/tls-files.ts'
import { Health, HealthCheckResponse_ServingStatus } from '#proto/health/v1/health_pb.ts'

/**
 * Resolves when the gRPC server at the address says that it serves (`grpc.health.v1`), over TLS when that is given; rejects when
 * it does not.
 */
export async function assertServing(
  address: string,
  service = '',
  signal?: AbortSignal,
  tls?: TlsFiles,
): Promise<void> {
  const baseUrl = `${tls === undefined ? 'http' : 'https'}://${address}`
  const sessionManager = openSessionManager(baseUrl, tls)
  try {
    const health = createClient(Health, createGrpcTransport({ baseUrl, sessionManager }))
    const { status } = await health.check({ service }, { signal, timeoutMs: 2_000 })
    if (status !== HealthCheckResponse_ServingStatus.SERVING) throw new Error(`${address} does not serve yet`)
  } finally {
    sessionManager.abort()
  }
}
