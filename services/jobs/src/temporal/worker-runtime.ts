import { setTimeout as sleep } from 'node:timers/promises'
import { NativeConnection, Runtime } from '@temporalio/worker'
import type { Logger } from '#kit/logger.ts'
import type { TemporalConfig } from './connection.ts'

const pauseMs = 1_000

/** Makes the worker's engine write to our log and leave signals to us. */
export function installRuntime(logger: Logger): void {
  const writeTo =
    (level: 'trace' | 'debug' | 'info' | 'warn' | 'error') => (message: string, about?: object) =>
      logger[level]({ temporal: about }, message)
  Runtime.install({
    logger: {
      log: (level, message, about) => writeTo(level.toLowerCase() as Lowercase<typeof level>)(message, about),
      trace: writeTo('trace'),
      debug: writeTo('debug'),
      // What the engine calls information is about itself.
      info: writeTo('debug'),
      warn: writeTo('warn'),
      error: writeTo('error'),
    },
    telemetryOptions: { logging: { filter: { core: 'WARN', other: 'ERROR' }, forward: {} } },
    shutdownSignals: [],
  })
}

/** A connection to Temporal, however long it takes to be there. */
export async function connectWorker(config: TemporalConfig, logger: Logger): Promise<NativeConnection> {
  const { namespace: _, codecKeys: __, ...options } = config
  for (;;) {
    try {
      return await NativeConnection.connect(options)
    } catch (error) {
      logger.warn({ err: error, address: config.address }, 'Temporal does not answer: trying again')
      await sleep(pauseMs)
    }
  }
}
