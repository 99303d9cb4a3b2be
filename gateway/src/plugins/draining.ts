import type { FastifyInstance } from 'fastify'

// The supervisor gives a process ten seconds.
const drainMs = 8_000

/**
 * Lets `close` end: a connection is closed as soon as its last answer is out, and whatever is left after eight seconds is cut.
 * Node closes only those that are idle at the moment of closing, and would wait for the others as long as they are kept alive.
 */
export function addDraining(app: FastifyInstance): void {
  app.addHook('preClose', (done) => {
    const sweep = setInterval(() => app.server.closeIdleConnections(), 100)
    const cutOff = setTimeout(() => app.server.closeAllConnections(), drainMs)
    app.server.once('close', () => {
      clearInterval(sweep)
      clearTimeout(cutOff)
    })
    done()
  })
}
