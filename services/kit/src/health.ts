import { setTimeout as sleep } from 'node:timers/promises'
import { Code, ConnectError, type ConnectRouter } from '@connectrpc/connect'
import { Health, HealthCheckResponse_ServingStatus as Status } from '#proto/health/v1/health_pb.ts'
import { raceWithAbort } from './streams.ts'

const watchIntervalMs = 1_000
// Less than the two seconds that those who ask give it.
const answerWithinMs = 1_500

/**
 * grpc.health.v1: "" stands for the whole process. NOT_SERVING while `isReady` says no, throws or
 * takes longer than one and a half seconds, and once `closing` aborts.
 */
export function routeHealth(
  router: ConnectRouter,
  serviceNames: readonly string[],
  isReady: () => Promise<boolean>,
  closing: AbortSignal,
): void {
  const known = new Set(['', ...serviceNames])
  const statusNow = async () => {
    if (closing.aborted) return Status.NOT_SERVING
    const ready = await raceWithAbort(isReady(), AbortSignal.timeout(answerWithinMs)).catch(() => false)
    return ready ? Status.SERVING : Status.NOT_SERVING
  }

  router.service(Health, {
    async check({ service }) {
      if (!known.has(service)) throw new ConnectError('unknown service', Code.NotFound)
      return { status: await statusNow() }
    },
    async list() {
      const status = await statusNow()
      return { statuses: Object.fromEntries([...known].map((name) => [name, { status }])) }
    },
    async *watch({ service }, context) {
      const signal = AbortSignal.any([context.signal, closing])
      let last: Status | undefined
      while (!context.signal.aborted) {
        const status = known.has(service) ? await statusNow() : Status.SERVICE_UNKNOWN
        if (status !== last) yield { status }
        last = status
        // A watcher would hold a closing server open for ever; it has been told NOT_SERVING.
        if (closing.aborted) return
        await sleep(watchIntervalMs, undefined, { signal, ref: false }).catch(() => {})
      }
    },
  })
}
