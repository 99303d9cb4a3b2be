import { Context } from '@temporalio/activity'
import type { Logger } from '#kit/logger.ts'
import { partFailureOf, toApplicationFailure } from './failures.ts'

const beatEveryMs = 1_000

/**
 * Does work that a schedule asked for and that belongs to no job: gives signs of life while it takes, logs `trouble` when it fails and
 * throws what Temporal understands.
 */
export async function runScheduled<T>(
  logger: Logger,
  trouble: string,
  work: (signal: AbortSignal) => Promise<T>,
): Promise<T> {
  const context = Context.current()
  const { info, cancellationSignal: signal } = context
  const beating = setInterval(() => context.heartbeat(), beatEveryMs)
  try {
    return await work(signal)
  } catch (error) {
    if (signal.aborted) throw signal.reason
    logger.warn({ err: error }, trouble)
    throw toApplicationFailure(partFailureOf(error, info.attempt))
  } finally {
    clearInterval(beating)
  }
}
