import { Gauge } from 'prom-client'
import type { Logger } from './logger.ts'
import type { Metrics } from './metrics.ts'
import { rememberFor } from './remember-for.ts'
import { raceWithAbort } from './streams.ts'

/** What a process needs to do its work, by name: each resolves while it is there and rejects while it is not. */
export type Checks = Readonly<Record<string, () => Promise<unknown>>>

/** Whether a process can take work, and which check says that it cannot. */
export type ReadinessReport = {
  status: 'starting' | 'ready' | 'not ready' | 'stopping'
  checks: Record<string, 'ok' | 'failing'>
}

export type Readiness = {
  /** The process has started and needs these. */
  started(checks: Checks): void
  /** The process has been told to stop: it is not ready any more. */
  stopping(): void
  /** Asks the checks, at most once a second. */
  report(): Promise<ReadinessReport>
}

const rememberMs = 1_000
const answerWithinMs = 2_000

/** Follows whether a process is ready. Why a check fails is for the log, once each time it begins to. */
export function createReadiness(logger: Logger, metrics: Metrics): Readiness {
  let phase: 'starting' | 'started' | 'stopping' = 'starting'
  let ask: () => Promise<ReadinessReport['checks']> = async () => ({})
  const failing = new Set<string>()

  const answerOf = async (name: string, check: () => Promise<unknown>) => {
    try {
      await raceWithAbort(check(), AbortSignal.timeout(answerWithinMs))
      if (failing.delete(name)) logger.info({ check: name }, 'a check passes again')
      return [name, 'ok'] as const
    } catch (error) {
      if (!failing.has(name)) logger.warn({ check: name, err: error }, 'a check fails')
      failing.add(name)
      return [name, 'failing'] as const
    }
  }

  const report = async (): Promise<ReadinessReport> => {
    const checks = await ask()
    if (phase !== 'started') return { status: phase, checks }
    const isReady = Object.values(checks).every((answer) => answer === 'ok')
    return { status: isReady ? 'ready' : 'not ready', checks }
  }
  exposeReadiness(metrics, report)
  return {
    started(checks) {
      if (phase === 'starting') phase = 'started'
      ask = rememberFor(rememberMs, async () =>
        Object.fromEntries(
          await Promise.all(Object.entries(checks).map(([name, check]) => answerOf(name, check))),
        ),
      )
    },
    stopping() {
      phase = 'stopping'
    },
    report,
  }
}

function exposeReadiness(metrics: Metrics, report: () => Promise<ReadinessReport>): void {
  const registers = [metrics.registry]
  const help = 'Whether /readyz answers 200.'
  const ready = new Gauge({ name: 'registrar_ready', help, registers })
  const checkUp = new Gauge({
    name: 'registrar_check_up',
    help: 'Whether a check of /readyz passes.',
    labelNames: ['check'],
    registers,
  })
  metrics.addSource('readiness', async () => {
    const { status, checks } = await report()
    ready.set(status === 'ready' ? 1 : 0)
    for (const [check, answer] of Object.entries(checks)) checkUp.set({ check }, answer === 'ok' ? 1 : 0)
    return undefined
  })
}
