import { setTimeout as sleep } from 'node:timers/promises'
import { format } from 'node:util'
import closeWithGrace from 'close-with-grace'
import { ConfigError, collectConfig } from './config.ts'
import { createLogger, type Logger } from './logger.ts'
import { createMetrics, type Metrics } from './metrics.ts'
import { type OperationsServer, readOperationsPlace, startOperationsServer } from './operations-server.ts'
import { type Checks, createReadiness } from './readiness.ts'
import { logLevels, shutdownSpecs } from './settings.ts'
import { startTracing } from './tracing.ts'

/** What a process starts with: the one place where it meets its environment. */
export type ProcessContext = { env: NodeJS.ProcessEnv; logger: Logger; metrics: Metrics }

/** A process that has started. */
export type Running = {
  /** It has been told to stop: it says so to who asks, and serves on until `close`. */
  leave?(): void
  close(): Promise<void>
  /** What it needs to do its work, asked by `/readyz`; nothing when absent. */
  checks?: Checks
}

const closeWithinMs = 10_000

/**
 * Runs a process: starts it, tells a parent `ready`, and closes it within ten seconds on SIGTERM, on SIGINT and when the
 * parent that started it with a channel goes away. On SIGTERM it goes on for SHUTDOWN_DELAY before: whoever sends it work, and asks
 * whether it is ready, then knows that it is not. Where a port for it is set, it tells metrics and answers probes from the
 * beginning to the end.
 *
 * A ConfigError ends it with its sentences on standard error and exit code 1. An error that nobody caught is logged and ends
 * it with exit code 1, for the supervisor to start it again.
 */
export async function run(name: string, start: (context: ProcessContext) => Promise<Running>): Promise<void> {
  const { env } = process
  const logger = createLogger(name, logLevels.find((level) => level === env.LOG_LEVEL) ?? 'info')
  printToLog(logger)
  const place = readOperationsPlace(name, env)
  const metrics = createMetrics(place !== undefined)
  const readiness = createReadiness(logger, metrics)
  // A fault of it is told by who reads the whole configuration, with all others.
  const delayMs = collectConfig(env, shutdownSpecs, []).SHUTDOWN_DELAY * 1_000
  let operations: OperationsServer | undefined
  let tracing: Running | undefined
  let running: Running | undefined
  // Before the start, so that a signal during it is heard.
  const grace = closeWithGrace(
    {
      delay: delayMs + closeWithinMs,
      logger,
      skip: ['unhandledRejection', 'uncaughtException', 'beforeExit'],
    },
    async ({ signal }) => {
      logger.info({ signal }, `${name} stops`)
      readiness.stopping()
      running?.leave?.()
      if (signal === 'SIGTERM' && running !== undefined) await sleep(delayMs)
      await running?.close()
      await tracing?.close()
      await operations?.close()
    },
  )
  process.once('disconnect', grace.close)
  exitOnUncaught(logger)
  try {
    operations = place && (await startOperationsServer(place, logger, { metrics, readiness }))
    tracing = await startTracing(name, { env, logger })
    running = await start({ env, logger, metrics })
    readiness.started(running.checks ?? {})
  } catch (error) {
    reportFailedStart(name, logger, error)
    process.exit(1)
  }
  logger.info(`${name} is ready`)
  process.send?.('ready')
}

// Libraries print too; connect-fastify does when a caller goes away in the middle of an answer. One line each, as all else.
function printToLog(logger: Logger): void {
  const print = (...values: unknown[]) =>
    logger.info({ printed: format(...values).split('\n', 1)[0] }, 'printed')
  console.error = print
  console.warn = print
}

function reportFailedStart(name: string, logger: Logger, error: unknown): void {
  if (error instanceof ConfigError) {
    for (const fault of error.faults) process.stderr.write(`${name}: ${fault}\n`)
  } else {
    logger.fatal({ err: error }, `${name} could not start`)
  }
}

function exitOnUncaught(logger: Logger): void {
  const onError = (error: unknown) => {
    if (isHarmless(error)) {
      logger.warn({ err: error }, 'a connection broke outside of any call')
      return
    }
    logger.fatal({ err: error }, 'an error that nobody caught')
    process.exit(1)
  }
  process.on('uncaughtException', onError)
  process.on('unhandledRejection', onError)
}

// Errors of HTTP/2 connections that come after everybody stopped listening (connect-es issue 1768): the calls on them have
// been answered, and the next call opens a new one.
function isHarmless(error: unknown): boolean {
  if (!(error instanceof Error)) return false
  const code = 'code' in error ? String(error.code) : ''
  if (/^ERR_HTTP2_(INVALID_SESSION|SESSION|STREAM|GOAWAY)/.test(code)) return true
  return error.name === 'ConnectError' && /GOAWAY|PING timed out|connection aborted/.test(error.message)
}
