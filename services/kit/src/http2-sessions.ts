import { Http2SessionManager } from '@connectrpc/connect-node'

const managers = new Map<string, Http2SessionManager>()

/** The one connection of this process to a server, opened when needed; shared by all clients of that server. */
export function sessionManagerOf(baseUrl: string): Http2SessionManager {
  const { origin } = new URL(baseUrl)
  let manager = managers.get(origin)
  if (manager === undefined) {
    manager = new GuardedSessionManager(origin, {
      pingIntervalMs: 20_000,
      pingTimeoutMs: 5_000,
      pingIdleConnection: true,
      idleConnectionTimeoutMs: 300_000,
    })
    managers.set(origin, manager)
  }
  return manager
}

/** Ends this process's connections to all servers, calls in flight with them; later calls open new ones. */
export function closeRpcConnections(): void {
  for (const manager of managers.values()) manager.abort()
}

const connectionWindowBytes = 4 * 1024 * 1024

// The manager takes its listeners off a connection that it gives up. An error which the connection reports after that (an
// idle one that got GOAWAY: connect-es issue 1768) would have no listener, and end the process.
class GuardedSessionManager extends Http2SessionManager {
  readonly #guarded = new WeakSet<object>()

  override async request(...call: Parameters<Http2SessionManager['request']>) {
    const stream = await super.request(...call)
    const { session } = stream
    if (session !== undefined && !this.#guarded.has(session)) {
      this.#guarded.add(session)
      session.on('error', () => {})
      session.setLocalWindowSize(connectionWindowBytes)
    }
    return stream
  }
}
