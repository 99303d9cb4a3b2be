import { once } from 'node:events'
import { type AddressInfo, createServer } from 'node:net'
import type { TelemetryOptions } from '@temporalio/worker'
import type { Metrics } from '#kit/metrics.ts'

/**
 * Has the worker's engine tell its metrics (`temporal_…`) on a port of the loopback address, and adds them to ours. Undefined where
 * nobody asks for metrics.
 */
export async function exposeEngine(metrics: Metrics): Promise<TelemetryOptions['metrics']> {
  if (!metrics.areTold) return undefined
  const address = `127.0.0.1:${await findFreePort()}`
  metrics.addSource('temporal', async () => {
    const answer = await fetch(`http://${address}/metrics`)
    if (!answer.ok) throw new Error(`the engine answers ${answer.status}`)
    return nameCounters(await answer.text())
  })
  return {
    attachServiceName: false,
    prometheus: {
      bindAddress: address,
      unitSuffix: true,
      useSecondsForDurations: true,
    },
  }
}

/** Names counters as all others do. The engine's own setting for it does nothing. */
export function nameCounters(text: string): string {
  const counters = [...text.matchAll(/^# TYPE (\S+(?<!_total)) counter$/gm)].map(([, name]) => name)
  if (counters.length === 0) return text
  const mention = new RegExp(`^((?:# (?:HELP|TYPE) )?(?:${counters.join('|')}))(?=[ {])`, 'gm')
  return text.replaceAll(mention, '$1_total')
}

async function findFreePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  await once(server.close(), 'close')
  return port
}
