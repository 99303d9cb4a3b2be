import { fork } from 'node:child_process'
import { once } from 'node:events'
import { findFreePorts } from '#stack/ports.ts'
import type { WatchedProcess } from '../processes.ts'

/** The other end of a floor, running in a process of its own. */
export type Peer = WatchedProcess & { port: number; url: string; stop(): void }

/** `kind` is one of those that peer.ts can be; a gateway is told where its service is. */
export async function startPeer(kind: string, servicePort?: number): Promise<Peer> {
  const [port = 0] = await findFreePorts(1)
  const child = fork(new URL('peer.ts', import.meta.url), [kind, String(port), String(servicePort ?? '')])
  await once(child, 'message')
  return {
    name: kind,
    pid: child.pid as number,
    port,
    url: `http://127.0.0.1:${port}`,
    stop: () => child.disconnect(),
  }
}

/** A bare Fastify in front of a bare connect-node service: the hop that `GET /programs` is measured by. */
export async function startEchoHop(): Promise<{ url: string; processes: WatchedProcess[]; stop(): void }> {
  const service = await startPeer('connect')
  const gateway = await startPeer('echo-gateway', service.port)
  const stop = () => {
    gateway.stop()
    service.stop()
  }
  return { url: gateway.url, processes: [gateway, service], stop }
}
