import { type ChildProcess, spawn } from 'node:child_process'
import { createInterface } from 'node:readline'
import { setTimeout as sleep } from 'node:timers/promises'
import { StackProblem } from './problem.ts'

/** One operating system process to keep running. Times are milliseconds. */
export type ProcessSpec = {
  readonly name: string
  readonly command: string
  readonly args: readonly string[]
  /** Everything the process sees of the environment. */
  readonly env: NodeJS.ProcessEnv
  readonly cwd?: string
  /** Whom to run it as, when started by root. */
  readonly identity?: { readonly uid: number; readonly gid: number }
  /**
   * A Node process of ours: it sends the message `ready` when it serves, and closes itself when the channel is
   * disconnected, so that it ends with a supervisor that was killed.
   */
  readonly sendsReady?: boolean
  /** Called again and again, after the message, until it resolves; a StackProblem that it throws ends the start. */
  readonly check?: (signal: AbortSignal) => Promise<void>
  /** From start to ready. Default 30 s. */
  readonly readyWithin?: number
  /** Default SIGTERM. */
  readonly stopSignal?: NodeJS.Signals
  /** From the stop signal to SIGKILL. Default 12 s, a little more than our processes give themselves. */
  readonly stopWithin?: number
}

/** Where a supervisor says what happens. */
export type Reports = {
  /** One line for people: a process ended, is back, had to be killed. */
  readonly log: (line: string) => void
  /** One line that a process printed. */
  readonly output: (name: string, line: string) => void
  /** Told of each process that starts; what it returns is called when that one has ended. */
  readonly started?: (name: string, pid: number, stopSignal: NodeJS.Signals) => () => void
}

const running = new Set<Run>()

// However this process ends, short of being killed itself: what it started does not outlive it.
function killWhatRuns(): void {
  for (const run of running) run.kill()
}

/** One life of a process: from its start to its end. */
export class Run {
  readonly child: ChildProcess
  /** How it ended, in words. */
  readonly ended: Promise<string>
  readonly #spec: ProcessSpec
  readonly #reports: Reports
  readonly #saysReady: Promise<void>
  #end: string | undefined
  #lastWords = ''

  constructor(spec: ProcessSpec, reports: Reports) {
    this.#spec = spec
    this.#reports = reports
    this.child = spawn(spec.command, spec.args, {
      env: spec.env,
      cwd: spec.cwd,
      ...spec.identity,
      stdio: ['ignore', 'pipe', 'pipe', ...(spec.sendsReady ? ['ipc' as const] : [])],
      // A group of its own: Ctrl-C in a terminal reaches the supervisor alone, which stops things in order.
      detached: true,
    })
    for (const stream of [this.child.stdout, this.child.stderr]) this.#read(stream as NodeJS.ReadableStream)
    this.#saysReady = new Promise((resolve) => {
      if (!spec.sendsReady) resolve()
      this.child.on('message', (message) => message === 'ready' && resolve())
    })
    this.ended = new Promise((resolve) => {
      this.child.on('error', (error) => resolve(this.#setEnd(error.message)))
      this.child.once('exit', (code, signal) => resolve(this.#setEnd(signal ?? `exit code ${code}`)))
    })
    const { pid } = this.child
    if (pid !== undefined) {
      if (!process.listeners('exit').includes(killWhatRuns)) process.on('exit', killWhatRuns)
      running.add(this)
      const forget = reports.started?.(spec.name, pid, this.#stopSignal())
      this.ended.then(() => {
        running.delete(this)
        forget?.()
      })
    }
  }

  hasEnded(): boolean {
    return this.#end !== undefined
  }

  async untilReady(signal?: AbortSignal): Promise<void> {
    const { name, readyWithin = 30_000 } = this.#spec
    const deadline = AbortSignal.timeout(readyWithin)
    const over = new AbortController()
    const given = AbortSignal.any([deadline, over.signal, ...(signal ? [signal] : [])])
    try {
      await Promise.race([this.#checked(given), this.ended, aborted(given)])
    } finally {
      over.abort()
    }
    if (signal?.aborted) throw new StackProblem(`${name} was stopped before it was ready.`)
    if (deadline.aborted)
      throw new StackProblem(`${name} was not ready within ${readyWithin / 1000} s${this.#words()}`)
    if (this.hasEnded()) throw await this.#problem('did not start')
  }

  /** For a process that does its work and ends: rejects with a StackProblem unless it ends with exit code 0. */
  async untilDone(signal?: AbortSignal): Promise<void> {
    await Promise.race([this.ended, ...(signal ? [aborted(signal)] : [])])
    if (!this.hasEnded()) await this.end()
    if (this.#end !== 'exit code 0') throw await this.#problem('failed')
  }

  async end(): Promise<void> {
    const { name, stopWithin = 12_000 } = this.#spec
    if (this.hasEnded()) return
    this.child.kill(this.#stopSignal())
    const patience = new AbortController()
    const inTime = await Promise.race([
      this.ended.then(() => true),
      sleep(stopWithin, false, { signal: patience.signal }).catch(() => false),
    ])
    patience.abort()
    if (inTime) return
    this.#reports.log(`${name} did not stop within ${stopWithin / 1000} s: killing it`)
    this.kill()
    await this.ended
  }

  async #checked(signal: AbortSignal): Promise<void> {
    await this.#saysReady
    for (;;) {
      try {
        return await this.#spec.check?.(signal)
      } catch (error) {
        if (error instanceof StackProblem) throw error
        if (signal.aborted) return
        await sleep(checkEveryMs)
      }
    }
  }

  /** Kills it, and what it started. */
  kill(): void {
    try {
      process.kill(-(this.child.pid as number), 'SIGKILL')
    } catch {
      this.child.kill('SIGKILL')
    }
  }

  #read(stream: NodeJS.ReadableStream): void {
    createInterface({ input: stream, crlfDelay: Number.POSITIVE_INFINITY }).on('line', (line) => {
      if (words.test(line)) this.#lastWords = line
      this.#reports.output(this.#spec.name, line)
    })
  }

  #setEnd(end: string): string {
    this.#end = end
    return end
  }

  #stopSignal(): NodeJS.Signals {
    return this.#spec.stopSignal ?? 'SIGTERM'
  }

  async #problem(what: string): Promise<StackProblem> {
    // What it printed last may still be on its way through the pipe.
    await Promise.race([new Promise((resolve) => this.child.once('close', resolve)), sleep(200)])
    return new StackProblem(`${this.#spec.name} ${what} (${this.#end})${this.#words()}`)
  }

  #words(): string {
    return this.#lastWords === '' ? '.' : `: ${this.#lastWords}`
  }
}

// A line that says what went wrong: no stack, no JSON, nothing that only comments on the line before.
const words = /^(?!HINT:|DETAIL:|Node\.js v)\p{L}/u
const checkEveryMs = 50

function aborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve()
    signal.addEventListener('abort', () => resolve(), { once: true })
  })
}
