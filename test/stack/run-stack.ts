import { ConfigError } from '#kit/config.ts'
import { StackProblem } from './problem.ts'
import { type Stack, type StackOptions, startStack } from './stack.ts'

/** What a start brings along. */
export type Start = {
  /** The settings. */
  readonly env: NodeJS.ProcessEnv
  /** Fill an empty system with demo data. */
  readonly demo: boolean
  /** What starts it; `startStack` when absent. */
  start?(options: StackOptions): Promise<Stack>
  /** What to tell the person when everything runs. */
  describe(stack: Stack): Promise<string>
  /** Called when everything has stopped. */
  close?(): Promise<void>
}

/** Runs the whole system on this machine until Ctrl-C or SIGTERM, and ends the process. */
export async function runStack(prepare: () => Promise<Start>): Promise<never> {
  // The data folder holds what students did: nobody else on this machine reads it.
  process.umask(0o077)
  // Nobody reads any more, as after `npm start | head`: no reason to leave the system half alive.
  process.stdout.on('error', () => {})
  process.stderr.on('error', () => {})

  const stopping = stopOnSignals()
  try {
    const { env, demo, start = startStack, describe, close } = await prepare()
    const stack = await start({
      env,
      log: say,
      output: (name, line) => isWorthShowing(line) && say(`${name} | ${line}`),
      demo,
      signal: stopping,
    })
    say(await describe(stack))
    await new Promise<void>((resolve) => {
      if (stopping.aborted) resolve()
      stopping.addEventListener('abort', () => resolve())
    })
    await stack.stop()
    await close?.()
    say('stopped')
  } catch (error) {
    if (stopping.aborted) say('stopped')
    else {
      const isOurs = error instanceof StackProblem || error instanceof ConfigError
      console.error(isOurs ? error.message : error)
      process.exitCode = 1
    }
  }
  // Connections that the start-up made may be open still.
  process.exit()
}

function say(line: string): void {
  process.stdout.write(`${line}\n`)
}

function stopOnSignals(): AbortSignal {
  const stopping = new AbortController()
  let stoppingSince = Number.POSITIVE_INFINITY
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
    process.on(signal, () => {
      // npm passes on the Ctrl-C that the terminal has sent already: one from a person comes later.
      if (Date.now() - stoppingSince > 1_000) process.exit(1)
      if (stopping.signal.aborted) return
      stoppingSince = Date.now()
      say(signal === 'SIGINT' ? 'stopping; Ctrl-C again kills everything' : 'stopping')
      stopping.abort()
    })
  }
  return stopping.signal
}

/** Whether a person wants to see it unasked: everything but log lines below warning. */
function isWorthShowing(line: string): boolean {
  if (process.env.LOG_LEVEL || !line.startsWith('{')) return line.trim() !== ''
  try {
    return ((JSON.parse(line) as { level?: number }).level ?? 0) >= 40
  } catch {
    return true
  }
}
