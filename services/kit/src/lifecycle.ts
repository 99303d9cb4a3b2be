import { format } from 'node:util'
import closeWithGrace from 'close-with-grace'
import { ConfigError } from './config.ts'
import { createLogger, type Logger } from './logger.ts'
import { logLevels } from './settings.ts'

/** What a process starts with: the one place where it meets its environment. */
export type ProcessContext = { env: NodeJS.ProcessEnv; logger: Logger }

/** A process that has started. */
export type Running = { close(): Promise<void> }

const closeWithinMs = 10_000

/**
 * Runs a process: starts it, tells a parent `ready`, and closes it within ten seconds on SIGTERM, on SIGINT and when the
 * parent that started it with a channel goes away.
 *
 * A ConfigError ends it with its sentences on standard error and exit code 1. An error that nobody caught is logged and ends
 * it with exit code 1, for the supervisor to start it again.
 */
export async function run(name: string, start: (context: ProcessContext) => Promise<Running>): Promise<void> {
  const { env } = process
  const logger = createLogger(name, logLevels.find((level) => level === env.LOG_LEVEL) ?? 'info')
  printToLog(logger)
  let running: Running | undefined
  // Before the start, so that a signal during it is heard.
  const grace = closeWithGrace(
    { delay: closeWithinMs, logger, skip: ['unhandledRejection', 'uncaughtException', 'beforeExit'] },
    async ({ signal }) => {
      logger.info({ signal }, `${name} stops`)
      await running?.close()
    },
  )
  process.once('disconnect', grace.close)
  exitOnUncaught(logger)
  try {
    running = await start({ env, logger })
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
