import { createServer, type Http2Server, type ServerHttp2Session } from 'node:http2'

/** An HTTP/2 server without TLS, and what ends its connections at once. */
export type BoundedHttp2Server = { server: Http2Server; destroySessions(): void }

const idleSessionMs = 3_600_000
const connectionWindowBytes = 4 * 1024 * 1024

/**
 * Bounds what one connection can make us hold: streams, headers, bytes not yet read, frames that break the protocol. A
 * stream on which nothing moves for `idleStreamMs` is closed, so that a request which never arrives whole is not waited
 * for without end.
 */
export function createBoundedHttp2Server(
  handler: Parameters<typeof createServer>[1],
  idleStreamMs: number,
): BoundedHttp2Server {
  const server = createServer(
    {
      maxSessionMemory: 64,
      maxSessionInvalidFrames: 100,
      maxSessionRejectedStreams: 100,
      maxHeaderListPairs: 64,
      settings: {
        maxConcurrentStreams: 1_000,
        maxHeaderListSize: 32 * 1024,
        initialWindowSize: 1024 * 1024,
      },
    },
    handler,
  )
  const sessions = new Set<ServerHttp2Session>()
  server.on('session', (session) => {
    sessions.add(session)
    session.on('close', () => sessions.delete(session))
    // A client that breaks the protocol ends its own connection, not this process.
    session.on('error', () => {})
    session.setTimeout(idleSessionMs, () => session.close())
    // The default of 64 KiB for all streams together would make each stream wait for the others.
    session.setLocalWindowSize(connectionWindowBytes)
  })
  server.on('sessionError', () => {})
  server.on('stream', (stream) => {
    stream.setTimeout(idleStreamMs, () => stream.destroy())
  })
  return {
    server,
    destroySessions() {
      for (const session of sessions) session.destroy()
    },
  }
}
