import pg from 'pg'

/** What a request to cancel needs to know of the connection that it is about. */
export type CancelAddress = Pick<pg.Client, 'host' | 'port' | 'ssl'> & {
  processID: number
  secretKey: number
}

// Not in the library's types.
type CancelConnection = pg.Connection & {
  connect(port: number, host: string): void
  requestSsl(): void
  cancel(processId: number, secretKey: number): void
}

/**
 * Asks PostgreSQL, on a connection of its own as the protocol has it, to cancel the statement that runs on another one.
 *
 * True when the server has closed that connection: then the statement has been told, and none that comes later will be.
 */
export function requestCancel(of: CancelAddress, withinMs: number): Promise<boolean> {
  const { promise: heard, resolve } = Promise.withResolvers<boolean>()
  const connection = new pg.Connection({ ssl: of.ssl }) as CancelConnection
  const timer = setTimeout(() => {
    resolve(false)
    connection.stream.destroy()
  }, withinMs)
  let isSent = false
  const send = () => {
    isSent = true
    connection.cancel(of.processID, of.secretKey)
  }
  connection.on('connect', () => (of.ssl ? connection.requestSsl() : send()))
  connection.on('sslconnect', send)
  connection.on('error', () => {})
  connection.on('end', () => resolve(isSent))
  connection.connect(of.port, of.host)
  return heard.finally(() => clearTimeout(timer))
}
