import { setTimeout as sleep } from 'node:timers/promises'
import { NativeConnection, Runtime, type Worker } from '@temporalio/worker'
import type { Logger } from '#kit/logger.ts'
import type { Metrics } from '#kit/metrics.ts'
import type { Checks } from '#kit/readiness.ts'
import type { TemporalConfig } from './connection.ts'
import { exposeEngine } from './engine-metrics.ts'

const pauseMs = 1_000
const answerWithinMs = 2_000

/** Makes the worker's engine write to our log, add its metrics to ours and leave signals to us. */
export async function installRuntime(logger: Logger, metrics: Metrics): Promise<void> {
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
    telemetryOptions: {
      logging: { filter: { core: 'WARN', other: 'ERROR' }, forward: {} },
      metrics: await exposeEngine(metrics),
    },
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

/** What a worker needs of Temporal to be ready: that it asks for work, and that there is somebody to ask. */
export function temporalChecks(worker: Worker, connection: NativeConnection): Checks {
  return {
    temporal: () =>
      connection.withDeadline(Date.now() + answerWithinMs, () =>
        connection.workflowService.getSystemInfo({}),
      ),
    async polling() {
      const { workflowPollerState, activityPollerState } = worker.getStatus()
      if (workflowPollerState !== 'POLLING' || activityPollerState !== 'POLLING') {
        throw new Error(`workflows: ${workflowPollerState}, activities: ${activityPollerState}`)
      }
    },
  }
}
