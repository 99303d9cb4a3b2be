import pg from 'pg'
import { type CancelAddress, requestCancel } from './database-cancel.ts'
import { traceStatement } from './tracing-sql.ts'

type Plain = (...args: unknown[]) => unknown
type Callback = (error: unknown, result?: unknown) => void

const cancelTries = 3
const cancelWithinMs = 1_000
const endWithinMs = 500

/** Told of a client's troubles with its server. */
export type ClientWatch = {
  /** A statement was sent. */
  busy(client: PooledClient): void
  /** A connection could not be made. */
  unconnected(error: Error): void
}

/**
 * A connection of a pool. While it is lent to a call, the call's signal ends the statement that runs on it: PostgreSQL is asked to
 * cancel it, and the connection is given up when that does not help.
 *
 * `commit` and `rollback` are never cancelled: a write that has begun to commit is not half done.
 */
export class PooledClient extends pg.Client {
  readonly #watch: ClientWatch
  #signal: AbortSignal | undefined
  #underway = 0
  #busySince = 0

  constructor(settings: pg.ClientConfig, watch: ClientWatch) {
    super(settings)
    this.#watch = watch
    // Sequelize listens for a connection's errors only some time after it was opened. A server that goes away in between would end
    // the process; the next statement on the connection reports the loss.
    this.on('error', () => {})
    const connect = this.connect.bind(this) as Plain
    this.connect = ((told?: Callback) => this.#connect(connect, told)) as typeof this.connect
    const query = this.query.bind(this) as Plain
    this.query = ((...args: unknown[]) => this.#query(query, args)) as typeof this.query
  }

  /** Whose statements come next; undefined when nobody cancels them. */
  lendTo(signal: AbortSignal | undefined): void {
    this.#signal = signal
  }

  /** Since when a statement has been running, on the clock of `performance.now()`; undefined when none is. */
  get busySince(): number | undefined {
    return this.#underway === 0 ? undefined : this.#busySince
  }

  /** Breaks the connection; what runs on it fails with this text. */
  giveUp(text: string): void {
    this.connection.stream.destroy(new Error(`Connection terminated: ${text}`))
  }

  #connect(connect: Plain, told: Callback | undefined): unknown {
    if (told === undefined) return connect()
    return connect((error: Error | null, client: unknown) => {
      if (error) this.#watch.unconnected(error)
      told(error, client)
    })
  }

  #query(query: Plain, args: unknown[]): unknown {
    const [statement, ...rest] = args
    // A stream (COPY, a cursor) tells its end in a way of its own.
    if (isSubmittable(statement)) return query(...args)
    const told = typeof rest.at(-1) === 'function' ? (rest.pop() as Callback) : undefined
    const answer = this.#run(textOf(statement), () => query(statement, ...rest) as Promise<unknown>)
    if (told === undefined) return answer
    answer.then(
      (result) => told(null, result),
      (error: unknown) => told(error),
    )
    return undefined
  }

  async #run(text: string, send: () => Promise<unknown>): Promise<unknown> {
    const signal = endsTransaction.test(text) ? undefined : this.#signal
    if (signal?.aborted) throw new CanceledStatement(signal.reason)
    if (this.#underway++ === 0) this.#busySince = performance.now()
    this.#watch.busy(this)
    const sent = traceStatement(text, this.database, send)
    let cancelling: Promise<void> | undefined
    const cancel = () => {
      cancelling = this.#cancel(sent)
    }
    signal?.addEventListener('abort', cancel, { once: true })
    try {
      return await sent
    } finally {
      this.#underway--
      signal?.removeEventListener('abort', cancel)
      // Until then the connection is not free: a request to cancel that came late would meet the next statement on it.
      await cancelling
    }
  }

  async #cancel(statement: Promise<unknown>): Promise<void> {
    for (let tries = 0; tries < cancelTries; tries++) {
      const isHeard = await requestCancel(this as unknown as CancelAddress, cancelWithinMs)
      // Whether it still comes is unknown.
      if (!isHeard) break
      if (await settlesWithin(statement, endWithinMs)) return
    }
    this.giveUp('a cancelled statement did not end')
  }
}

/** A statement that was not sent because its call was over. Looks to callers as one that PostgreSQL has cancelled. */
class CanceledStatement extends Error {
  readonly severity = 'ERROR'
  readonly code = '57014'

  constructor(cause: unknown) {
    super('the call was over before the statement was sent', { cause })
    this.name = 'CanceledStatement'
  }
}

const endsTransaction = /^\s*(commit|rollback)\b/i

function isSubmittable(statement: unknown): boolean {
  return typeof statement === 'object' && statement !== null && 'submit' in statement
}

function textOf(statement: unknown): string {
  return typeof statement === 'string' ? statement : ((statement as { text?: string }).text ?? '')
}

async function settlesWithin(work: Promise<unknown>, ms: number): Promise<boolean> {
  const { promise: patience, resolve } = Promise.withResolvers<boolean>()
  const timer = setTimeout(() => resolve(false), ms)
  const settled = work.then(
    () => true,
    () => true,
  )
  return Promise.race([settled, patience]).finally(() => clearTimeout(timer))
}
