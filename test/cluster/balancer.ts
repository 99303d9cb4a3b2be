import { connect, createServer, type Socket } from 'node:net'

/** Spreads TCP connections over some ports of this machine. */
export type Balancer = { close(): Promise<void> }

/** Listens on 127.0.0.1. A connection goes to the next port in turn, or to the first after it where somebody listens. */
export async function startBalancer(port: number, targets: readonly number[]): Promise<Balancer> {
  const open = new Set<Socket>()
  let turn = 0
  const server = createServer((caller) => {
    const first = turn++
    keep(caller)
    join(
      caller,
      [...targets.keys()].map((index) => targets[(first + index) % targets.length] as number),
    )
  })

  function keep(socket: Socket): void {
    open.add(socket)
    socket.once('close', () => open.delete(socket))
    // What comes of it is seen at the other end.
    socket.on('error', () => {})
  }

  function join(caller: Socket, [target, ...others]: readonly number[]): void {
    if (target === undefined) return void caller.destroy()
    const gateway = connect({ host: '127.0.0.1', port: target })
    const goOn = () => join(caller, others)
    gateway.once('error', goOn)
    keep(gateway)
    gateway.once('connect', () => {
      gateway.off('error', goOn)
      caller.pipe(gateway).pipe(caller)
      caller.once('close', () => gateway.destroy())
      gateway.once('close', () => caller.destroy())
    })
  }

  await new Promise<void>((resolve, reject) => {
    server.once('error', reject)
    server.listen(port, '127.0.0.1', resolve)
  })
  return {
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve())
        for (const socket of open) socket.destroy()
      }),
  }
}
