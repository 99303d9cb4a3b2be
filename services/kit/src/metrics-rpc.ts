import type { DescMethod } from '@bufbuild/protobuf'
import { Code, ConnectError, type Transport } from '@connectrpc/connect'
import { Counter, Histogram } from 'prom-client'
import { isPlumbing } from './access.ts'
import type { Metrics } from './metrics.ts'
import { onStreamEnd } from './streams.ts'

/** Told of each call when it has ended, and of the error if one ended it; calls of health and reflection do not count. */
export type CallMeter = (method: DescMethod, error: unknown, milliseconds: number) => void

// From the answer out of memory to the stream of a million rows.
const buckets = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 120]
const labelNames = ['service', 'method', 'code'] as const

/** `rpc_server_…`: the calls that this process answers. */
export function createServerMeter({ registry }: Metrics): CallMeter {
  return meterInto(
    new Histogram({
      name: 'rpc_server_call_duration_seconds',
      help: 'How long RPCs took that this process answered, to their last message.',
      ...{ labelNames, buckets, registers: [registry] },
    }),
  )
}

/** `rpc_client_…`: what this process asks of others, tries and pauses together. */
export type ClientMeter = {
  measure(transport: Transport): Transport
  triedAgain(method: DescMethod): void
}

const clientMeters = new WeakMap<Metrics, ClientMeter>()

/** The one that all clients of a process share. */
export function clientMeterOf(metrics: Metrics): ClientMeter {
  const meter = clientMeters.get(metrics) ?? createClientMeter(metrics)
  clientMeters.set(metrics, meter)
  return meter
}

function createClientMeter({ registry }: Metrics): ClientMeter {
  const registers = [registry]
  const durations = new Histogram({
    name: 'rpc_client_call_duration_seconds',
    help: 'How long RPCs took that this process made, all tries together, to their last message.',
    ...{ labelNames, buckets, registers },
  })
  const retries = new Counter({
    name: 'rpc_client_retries_total',
    help: 'Tries after the first of RPCs that this process made.',
    labelNames: ['service', 'method'],
    registers,
  })
  const meter = meterInto(durations)
  const timeCall = (method: DescMethod) => {
    const startedAt = performance.now()
    let hasEnded = false
    return (error?: unknown) => {
      if (!hasEnded) meter(method, error, performance.now() - startedAt)
      hasEnded = true
    }
  }
  return {
    triedAgain(method) {
      retries.inc({ service: method.parent.typeName, method: method.name })
    },
    measure: (transport) => ({
      async unary(method, ...call) {
        const ended = timeCall(method)
        try {
          const answer = await transport.unary(method, ...call)
          ended()
          return answer
        } catch (error) {
          ended(error)
          throw error
        }
      },
      async stream(method, signal, ...call) {
        const ended = timeCall(method)
        // Whoever has read enough ends the call by its signal, and asks the stream for nothing more.
        const left = () => ended(new ConnectError('the reader went away', Code.Canceled))
        signal?.addEventListener('abort', left, { once: true })
        const endedByItself = (error?: unknown) => {
          signal?.removeEventListener('abort', left)
          ended(error)
        }
        try {
          const answer = await transport.stream(method, signal, ...call)
          return { ...answer, message: onStreamEnd(answer.message, { ended: endedByItself }) }
        } catch (error) {
          endedByItself(error)
          throw error
        }
      },
    }),
  }
}

function meterInto(durations: Histogram<(typeof labelNames)[number]>): CallMeter {
  return (method, error, milliseconds) => {
    if (isPlumbing(method)) return
    const code = error === undefined ? 'OK' : Code[ConnectError.from(error).code]
    durations.observe({ service: method.parent.typeName, method: method.name, code }, milliseconds / 1_000)
  }
}
