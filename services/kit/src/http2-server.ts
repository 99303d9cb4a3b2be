import { createSecureServer, createServer, type Http2SecureServer, type Http2Server } from 'node:http2'
import type { Socket } from 'node:net'
import { followTlsFiles, type TlsFiles } from './tls-files.ts'

/** An HTTP/2 server, and what ends its connections at once. */
export type BoundedHttp2Server = { server: Http2Server | Http2SecureServer; destroySessions(): void }

/** What callers of a server are shown, and whether they have to show a certificate too. */
export type ServerTls = { files: TlsFiles; areClientsVerified: boolean }

const idleSessionMs = 3_600_000
const answeredMs = 1_000
const handshakeMs = 10_000
const connectionWindowBytes = 4 * 1024 * 1024

/**
 * Bounds what one connection can make us hold: streams, headers, bytes not yet read, frames that break the protocol. A
 * stream on which nothing moves for `idleStreamMs` is closed, so that a request which never arrives whole is not waited
 * for without end. With `tls` it speaks TLS, to each new connection with what is in the files by then.
 */
export function createBoundedHttp2Server(
  handler: Parameters<typeof createServer>[1],
  idleStreamMs: number,
  tls?: ServerTls,
): BoundedHttp2Server {
  const server = tls === undefined ? createServer(bounds, handler) : createTlsServer(handler, tls)
  // Not sessions: one that is destroyed while it closes waits for its peer to hang up.
  const sockets = new Set<Socket>()
  server.on('connection', (socket) => {
    sockets.add(socket)
    socket.on('close', () => sockets.delete(socket))
  })
  server.on('session', (session) => {
    // A client that breaks the protocol ends its own connection, not this process.
    session.on('error', () => {})
    session.setTimeout(idleSessionMs, () => session.close())
    // The default of 64 KiB for all streams together would make each stream wait for the others.
    session.setLocalWindowSize(connectionWindowBytes)
  })
  server.on('sessionError', () => {})
  server.on('stream', (stream) => {
    stream.setTimeout(idleStreamMs, () => stream.destroy())
    // Who was answered before all was sent, and sends on, is not listened to.
    stream.on('finish', () => {
      if (!stream.readableEnded) setTimeout(() => stream.close(), answeredMs).unref()
    })
  })
  return {
    server,
    destroySessions() {
      for (const socket of sockets) socket.destroy()
    },
  }
}

const bounds = {
  maxSessionMemory: 64,
  maxSessionInvalidFrames: 100,
  maxSessionRejectedStreams: 100,
  maxHeaderListPairs: 64,
  settings: {
    maxConcurrentStreams: 1_000,
    maxHeaderListSize: 32 * 1024,
    initialWindowSize: 1024 * 1024,
  },
}

function createTlsServer(
  handler: Parameters<typeof createServer>[1],
  { files, areClientsVerified }: ServerTls,
): Http2SecureServer {
  const options = { ...bounds, handshakeTimeout: handshakeMs, requestCert: areClientsVerified }
  const server = createSecureServer({ ...options, ...files.read() }, handler as never)
  followTlsFiles(server, files)
  return server
}
