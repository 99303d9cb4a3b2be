import pg from 'pg'
import { ConnectionTimedOutError } from 'sequelize'
import type { ClientWatch, PooledClient } from './database-client.ts'
import type { Logger } from './logger.ts'

/** Times in milliseconds. */
const times = {
  /** How often busy connections are looked at. */
  look: 500,
  /** After how long without an answer the server is asked for a sign of life. */
  patience: 2_000,
  /** How long it has for that. */
  answer: 4_000,
  /** Between two questions while it is away. */
  again: 250,
}

/** Knows whether PostgreSQL gives signs of life. */
export type Pulse = ClientWatch & {
  /** Throws what a broken connection would while the server is away, instead of making a caller wait for it. */
  assertAlive(): void
  /** Asks no more. */
  stop(): void
}

/**
 * Notices a server that takes connections and answers nothing, as one that hangs or that the network has cut off does.
 *
 * Nothing else tells that apart from a statement that takes long. So when a statement takes long, or a connection could not be made
 * in time, the server is asked on a new connection. While it does not answer, what runs on the others fails at once, and so does
 * what comes after; it is asked again until it does.
 */
export function createPulse(settings: () => pg.ClientConfig, logger: Logger): Pulse {
  const busy = new Set<PooledClient>()
  let looking: NodeJS.Timeout | undefined
  let isAway = false
  let isAsking = false
  let isStopped = false

  function lookSoon(): void {
    if (!isStopped) looking ??= setTimeout(look, times.look).unref()
  }

  function look(): void {
    looking = undefined
    for (const client of busy) if (client.busySince === undefined) busy.delete(client)
    const longAgo = performance.now() - times.patience
    if ([...busy].some(({ busySince = longAgo }) => busySince < longAgo)) void ask()
    if (busy.size > 0) lookSoon()
  }

  async function ask(isKnownAway = false): Promise<void> {
    if (isAsking) return
    isAsking = true
    if (isKnownAway || !(await answers(settings()))) leave()
    while (isAway && !isStopped) {
      await pause(times.again)
      isAway = !(await answers(settings()))
      if (!isAway) logger.info('PostgreSQL answers again')
    }
    // About a statement that only takes long it is asked once in a while.
    await pause(times.patience)
    isAsking = false
  }

  function leave(): void {
    isAway = true
    logger.warn('PostgreSQL does not answer: what needs it is refused until it does')
    for (const client of busy) if (client.busySince !== undefined) client.giveUp(doesNotAnswer)
    busy.clear()
  }

  return {
    busy(client) {
      busy.add(client)
      lookSoon()
    },
    unconnected(error) {
      if (/^timeout expired/.test(error.message)) void ask(true)
    },
    assertAlive() {
      if (isAway) throw new ConnectionTimedOutError(new Error(doesNotAnswer))
    },
    stop() {
      isStopped = true
      clearTimeout(looking)
    },
  }
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms).unref())
}

const doesNotAnswer = 'PostgreSQL does not answer'

/** Whether the server says anything at all; that it has no room for one more will do. */
async function answers(settings: pg.ClientConfig): Promise<boolean> {
  const client = new pg.Client({ ...settings, connectionTimeoutMillis: times.answer })
  client.on('error', () => {})
  try {
    await client.connect()
    return true
  } catch (error) {
    return (
      error instanceof Error && 'severity' in error && !comesOrGoes.test(String(Reflect.get(error, 'code')))
    )
  } finally {
    client.end().catch(() => {})
  }
}

// It shuts down, or starts up.
const comesOrGoes = /^57P0/
