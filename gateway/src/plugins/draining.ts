import type { Socket } from 'node:net'
import type { FastifyInstance } from 'fastify'

// The supervisor gives a process ten seconds.
const drainMs = 8_000

/**
 * Lets `close` end: a connection is closed as soon as its last answer is out, and whatever is left after eight seconds is cut.
 * Node closes only those that are idle at the moment of closing; it would wait for the others as long as they are kept alive,
 * and for those that a client opened in advance and never used.
 */
export function addDraining(app: FastifyInstance): void {
  app.decorate('isLeaving', false)
  const sockets = new Set<Socket>()
  app.server.on('connection', (socket) => {
    sockets.add(socket)
    socket.once('close', () => sockets.delete(socket))
  })
  app.addHook('preClose', (done) => {
    for (const socket of sockets) if (socket.bytesRead === 0) socket.destroy()
    const sweep = setInterval(() => app.server.closeIdleConnections(), 100)
    const cutOff = setTimeout(() => app.server.closeAllConnections(), drainMs)
    app.server.once('close', () => {
      clearInterval(sweep)
      clearTimeout(cutOff)
    })
    done()
  })
}

/** From now on `/health` says that this process cannot serve, and each connection ends with its next answer. It serves on until it is closed. */
export function leave(app: FastifyInstance): void {
  app.isLeaving = true
  app.server.prependListener('request', (_request, response) => response.setHeader('connection', 'close'))
}

declare module 'fastify' {
  interface FastifyInstance {
    /** The process has been told to stop. */
    isLeaving: boolean
  }
}
