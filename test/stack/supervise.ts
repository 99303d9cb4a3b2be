import { setTimeout as sleep } from 'node:timers/promises'
import { type ProcessSpec, type Reports, Run } from './process-run.ts'

/**
 * Starts a process and resolves when it is ready. From then on it is started again, later and later, whenever it ends.
 * Rejects with a StackProblem when it ends before it is ready, is not ready in time, or the signal is aborted; nothing
 * is left running then.
 */
export async function supervise(
  spec: ProcessSpec,
  reports: Reports,
  signal?: AbortSignal,
): Promise<SupervisedProcess> {
  const supervised = new SupervisedProcess(spec, reports)
  await supervised.start(signal)
  return supervised
}

/** The pause before start number `failures + 1` in a row, in milliseconds: 250, 500, … up to 30 s. */
export function backoffOf(failures: number): number {
  return Math.min(250 * 2 ** failures, 30_000)
}

const steadyAfterMs = 30_000

export class SupervisedProcess {
  readonly #spec: ProcessSpec
  readonly #reports: Reports
  readonly #stopping = new AbortController()
  #run: Run | undefined
  #kept: Promise<void> | undefined
  #holding = Promise.resolve()
  #restarts: { resolve: (pid: number) => void; reject: (error: Error) => void }[] = []

  constructor(spec: ProcessSpec, reports: Reports) {
    this.#spec = spec
    this.#reports = reports
  }

  get name(): string {
    return this.#spec.name
  }

  /** Undefined between an end and the next start. */
  get pid(): number | undefined {
    return this.#run?.hasEnded() ? undefined : this.#run?.child.pid
  }

  async start(signal?: AbortSignal): Promise<void> {
    const run = this.#launch()
    try {
      await run.untilReady(signal)
    } catch (error) {
      await this.stop()
      throw error
    }
    this.#kept = this.#keepRunning(run)
  }

  /** Sends a signal to the process itself, as an operator or a fault would. False when none runs. */
  kill(signal: NodeJS.Signals): boolean {
    return this.pid !== undefined && (this.#run?.child.kill(signal) ?? false)
  }

  /** The process id of the next start that gets ready. Ask before the kill. */
  restarted(): Promise<number> {
    return new Promise((resolve, reject) => this.#restarts.push({ resolve, reject }))
  }

  /** Keeps it, once it has ended, from being started again until the function that this returns is called. */
  hold(): () => void {
    const { promise, resolve } = Promise.withResolvers<void>()
    this.#holding = promise
    this.#stopping.signal.addEventListener('abort', () => resolve())
    return resolve
  }

  /** Asks the process to end, kills it when it does not, and resolves when it is gone for good. */
  async stop(): Promise<void> {
    this.#stopping.abort()
    await this.#run?.end()
    await this.#kept
    for (const { reject } of this.#restarts.splice(0)) reject(new Error(`${this.name} was stopped`))
  }

  #launch(): Run {
    this.#run = new Run(this.#spec, this.#reports)
    return this.#run
  }

  async #keepRunning(first: Run): Promise<void> {
    const stopping = this.#stopping.signal
    let failures = 0
    let run = first
    for (;;) {
      const readyAt = Date.now()
      const end = await run.ended
      if (stopping.aborted) return
      if (Date.now() - readyAt > steadyAfterMs) failures = 0
      const pause = backoffOf(failures++)
      this.#reports.log(`${this.name} ended (${end}): starting it again in ${pause / 1000} s`)
      await sleep(pause, undefined, { signal: stopping }).catch(() => {})
      await this.#holding
      if (stopping.aborted) return
      run = this.#launch()
      await run.untilReady(stopping).then(
        () => this.#announceRestart(run),
        (error: Error) => {
          // How it ended is reported at the top of the loop.
          if (!run.hasEnded() && !stopping.aborted) this.#reports.log(error.message)
          return run.end()
        },
      )
    }
  }

  #announceRestart(run: Run): void {
    const pid = run.child.pid as number
    this.#reports.log(`${this.name} is back (process ${pid})`)
    for (const { resolve } of this.#restarts.splice(0)) resolve(pid)
  }
}
