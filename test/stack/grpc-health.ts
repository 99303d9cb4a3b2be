import { createClient } from '@connectrpc/connect'
import { createGrpcTransport, Http2SessionManager } from '@connectrpc/connect-node'
import { Health, HealthCheckResponse_ServingStatus } from '#proto/health/v1/health_pb.ts'

/** Resolves when the gRPC server at the address says that it serves (`grpc.health.v1`); rejects when it does not. */
export async function assertServing(address: string, service = '', signal?: AbortSignal): Promise<void> {
  const baseUrl = `http://${address}`
  const sessionManager = new Http2SessionManager(baseUrl)
  try {
    const health = createClient(Health, createGrpcTransport({ baseUrl, sessionManager }))
    const { status } = await health.check({ service }, { signal, timeoutMs: 2_000 })
    if (status !== HealthCheckResponse_ServingStatus.SERVING) throw new Error(`${address} does not serve yet`)
  } finally {
    sessionManager.abort()
  }
}
