import { type ClientHttp2Session, type ClientHttp2Stream, constants } from 'node:http2'
import { connect as connectTcp, isIP, type Socket } from 'node:net'
import { connect as connectTls } from 'node:tls'
import { Code, ConnectError } from '@connectrpc/connect'
import { Http2SessionManager } from '@connectrpc/connect-node'
import type { TlsFiles } from './tls-files.ts'

const managers = new Map<TlsFiles | undefined, Map<string, Http2SessionManager>>()

/**
 * The one connection of this process to a server, opened when needed; shared by all clients of that server. To an `https` URL
 * it is made with what is in the files of `tls` at that time, without them with the authorities of the system.
 */
export function sessionManagerOf(baseUrl: string, tls?: TlsFiles): Http2SessionManager {
  const { origin } = new URL(baseUrl)
  const ofTls = managers.get(tls) ?? new Map<string, Http2SessionManager>()
  managers.set(tls, ofTls)
  let manager = ofTls.get(origin)
  if (manager === undefined) {
    manager = openSessionManager(origin, tls)
    ofTls.set(origin, manager)
  }
  return manager
}

/** A connection of its own, for who does not stay; `abort` ends it. */
export function openSessionManager(baseUrl: string, tls?: TlsFiles): Http2SessionManager {
  return new GuardedSessionManager(
    baseUrl,
    { idleConnectionTimeoutMs: 300_000 },
    { createConnection: (authority) => openSocket(authority, tls) },
  )
}

/** Ends this process's connections to all servers, calls in flight with them; later calls open new ones. */
export function closeRpcConnections(): void {
  for (const ofTls of managers.values()) for (const manager of ofTls.values()) manager.abort()
}

/** Why a call was not even sent: its connection could not be made. */
export class NotConnectedError extends Error {
  override readonly name = 'NotConnectedError'
}

/** Whether a call failed because one side did not accept the other's certificate, or does not speak TLS. */
export function isTlsFailure(error: unknown): boolean {
  for (let each = error; each instanceof Error; each = each.cause) {
    if ('code' in each && /^ERR_(SSL|TLS)_|CERT|SIGNATURE/.test(String(each.code))) return true
  }
  return false
}

const connectWithinMs = 3_000
const connectionWindowBytes = 4 * 1024 * 1024

function openSocket({ protocol, hostname, port }: URL, tls: TlsFiles | undefined): Socket {
  const host = hostname.replace(/^\[(.*)\]$/, '$1')
  const isTls = protocol === 'https:'
  const socket = isTls
    ? connectTls({
        ...{ host, port: Number(port || 443), ALPNProtocols: ['h2'] },
        ...(isIP(host) === 0 && { servername: host }),
        ...tls?.read(),
      })
    : connectTcp({ host, port: Number(port || 80) })
  const timer = setTimeout(() => {
    socket.destroy(
      Object.assign(new Error(`no connection within ${connectWithinMs} ms`), { code: 'ETIMEDOUT' }),
    )
  }, connectWithinMs)
  socket.once(isTls ? 'secureConnect' : 'connect', () => clearTimeout(timer))
  socket.once('close', () => clearTimeout(timer))
  return socket
}

class GuardedSessionManager extends Http2SessionManager {
  readonly #guarded = new WeakSet<object>()

  override async request(...call: Parameters<Http2SessionManager['request']>) {
    const stream = await super.request(...call).catch((error: unknown) => {
      const { rawMessage } = ConnectError.from(error)
      const cause = new NotConnectedError(rawMessage, { cause: error })
      throw new ConnectError(rawMessage, Code.Unavailable, undefined, undefined, cause)
    })
    const { session } = stream
    if (session !== undefined && !this.#guarded.has(session)) {
      this.#guarded.add(session)
      guard(session as ClientHttp2Session)
    }
    reportSilence(stream)
    return stream
  }
}

/** A stream that the server closes without an error and without an answer would leave connect-node waiting for one. */
function reportSilence(stream: ClientHttp2Stream): void {
  let isAnswered = false
  stream.once('response', () => {
    isAnswered = true
  })
  stream.once('close', () => {
    if (isAnswered || stream.rstCode !== constants.NGHTTP2_NO_ERROR) return
    stream.emit('error', new ConnectError('the stream ended without an answer', Code.Unavailable))
  })
}

function guard(session: ClientHttp2Session): void {
  // The manager takes its listeners off a connection that it gives up. An error which the connection reports after that (an
  // idle one that got GOAWAY: connect-es issue 1768) would have no listener, and end the process.
  session.on('error', () => {})
  session.setLocalWindowSize(connectionWindowBytes)
  endWhenDead(session)
}

const lookEveryMs = 250
const quietMs = 500
const pongWithinMs = 2_000

/**
 * Destroys a connection on which nothing comes any more: one that was cut without a word, or whose server hangs. Its calls end
 * within less than three seconds, early enough to be made again. The manager's own pings would also give up a connection when only
 * this process was busy for so long, and with it calls that must not be made twice.
 */
function endWhenDead(session: ClientHttp2Session): void {
  let bytesRead = 0
  let lookedAt = performance.now()
  let heardAt = lookedAt
  let askedAt: number | undefined
  let wasBusy = false
  const look = () => {
    if (session.destroyed) return
    const now = performance.now()
    const total = session.socket?.bytesRead ?? bytesRead
    // What came meanwhile is read before the next look.
    wasBusy = !wasBusy && now - lookedAt > 4 * lookEveryMs
    lookedAt = now
    if (wasBusy) return
    if (total !== bytesRead) {
      bytesRead = total
      heardAt = now
    } else if (askedAt === undefined && now - heardAt > quietMs) {
      askedAt = now
      session.ping(() => {
        askedAt = undefined
      })
    } else if (askedAt !== undefined && now - Math.max(askedAt, heardAt) > pongWithinMs) {
      session.destroy(new ConnectError('the connection is dead', Code.Unavailable), constants.NGHTTP2_CANCEL)
    }
  }
  const timer = setInterval(look, lookEveryMs)
  timer.unref()
  session.once('close', () => clearInterval(timer))
}
