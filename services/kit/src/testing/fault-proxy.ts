import { once } from 'node:events'
import { type AddressInfo, connect, createServer, type Socket } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'

/** Stands on TCP between a client and a server, and does to their connections what networks do. */
export type FaultProxy = {
  port: number
  /** Connections made through it so far. */
  count(): number
  /** Resets every connection, on both sides. */
  reset(): void
  /** Swallows what either side sends on the connections of now, and tells nobody: they are half open. New ones work. */
  freeze(): void
  /** Lets so many more bytes through to the client on each connection of now, and resets it then: mostly within a frame. */
  cutAfter(bytes: number): void
  /** From now on new connections are reset at once (`refuse`), are accepted and never answered (`swallow`), or work (`carry`). */
  welcome(how: Welcome): void
  /** New connections lead to the server on this port from now on. */
  lead(targetPort: number): void
  /** Delays everything by so many milliseconds from now on. */
  delay(ms: number): void
  close(): Promise<void>
}
export type Welcome = 'carry' | 'refuse' | 'swallow'

type Link = {
  client: Socket
  server: Socket
  isFrozen: boolean
  /** Undefined: any number. */
  bytesLeft: number | undefined
}

/** A proxy on a free port before the server that listens on `targetPort` of this machine. */
export async function startFaultProxy(targetPort: number): Promise<FaultProxy> {
  const links = new Set<Link>()
  let target = targetPort
  let welcome: Welcome = 'carry'
  let delayMs = 0
  let connections = 0

  function end(link: Link, how: 'reset' | 'close'): void {
    links.delete(link)
    for (const socket of [link.client, link.server]) {
      if (how === 'reset') socket.resetAndDestroy()
      else socket.destroy()
    }
  }

  function deliver(link: Link, to: Socket, chunk: Buffer): void {
    if (link.isFrozen || to.destroyed) return
    if (to === link.server || link.bytesLeft === undefined) return void to.write(chunk)
    const passed = chunk.subarray(0, link.bytesLeft)
    link.bytesLeft -= passed.length
    to.write(passed, () => link.bytesLeft === 0 && end(link, 'reset'))
  }

  function carry(link: Link, from: Socket, to: Socket): void {
    let last = Promise.resolve()
    from.on('data', (chunk) => {
      const dueAt = Date.now() + delayMs
      last = last.then(async () => {
        if (dueAt > Date.now()) await sleep(dueAt - Date.now())
        deliver(link, to, chunk)
      })
    })
    from.on('error', () => link.isFrozen || end(link, 'reset'))
    from.on('close', () => link.isFrozen || end(link, 'close'))
  }

  const listener = createServer({ noDelay: true }, (client) => {
    connections++
    client.on('error', () => {})
    if (welcome === 'refuse') return void client.resetAndDestroy()
    const server = connect({ host: '127.0.0.1', port: target, noDelay: true })
    const link = { client, server, isFrozen: welcome === 'swallow', bytesLeft: undefined }
    links.add(link)
    carry(link, client, server)
    carry(link, server, client)
  })
  listener.listen(0, '127.0.0.1')
  await once(listener, 'listening')
  return {
    port: (listener.address() as AddressInfo).port,
    count: () => connections,
    reset() {
      for (const link of links) end(link, 'reset')
    },
    freeze() {
      for (const link of links) link.isFrozen = true
    },
    cutAfter(bytes) {
      for (const link of links) link.bytesLeft = bytes
    },
    welcome(how) {
      welcome = how
    },
    lead(port) {
      target = port
    },
    delay(ms) {
      delayMs = ms
    },
    async close() {
      for (const link of links) end(link, 'close')
      listener.close()
      await once(listener, 'close')
    },
  }
}
