import { execFileSync } from 'node:child_process'
import { existsSync, readFileSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'

/** A process that was running when this was written down. `started` tells it from a later one with the same id. */
export type ProcessRecord = { readonly pid: number; readonly started: string }

/** The record of a running process; undefined when there is none with this id (a zombie counts as none). */
export function recordOf(pid: number): ProcessRecord | undefined {
  const started = hasProc ? startTicks(pid) : ps(pid, 'lstart=')
  return started === undefined ? undefined : { pid, started }
}

/** Whether the very process that was written down still runs. */
export function isRunning(record: ProcessRecord): boolean {
  return recordOf(record.pid)?.started === record.started
}

/** The command line of a running process, for telling what it is; undefined when there is none. */
export function commandOf(pid: number): string | undefined {
  if (!hasProc) return ps(pid, 'command=')
  try {
    return readFileSync(`/proc/${pid}/cmdline`, 'utf8').replaceAll('\0', ' ').trim()
  } catch {
    return undefined
  }
}

/** Asks a process to end, waits, and kills it when it has not ended after `withinMs`. */
export async function endProcess(
  record: ProcessRecord,
  signal: NodeJS.Signals,
  withinMs: number,
): Promise<void> {
  const deadline = Date.now() + withinMs
  send(record.pid, signal)
  while (isRunning(record)) {
    if (Date.now() > deadline) send(record.pid, 'SIGKILL')
    await sleep(50)
  }
}

/** Sends a signal to a process and to all that it started, and those started. */
export function signalTree(pid: number, signal: NodeJS.Signals): void {
  const parents = execFileSync('ps', ['-A', '-o', 'pid=,ppid='], { encoding: 'utf8' })
    .trim()
    .split('\n')
    .map((line) => line.trim().split(/\s+/).map(Number) as [pid: number, parent: number])
  const tree = [pid]
  for (const parent of tree)
    tree.push(...parents.filter((each) => each[1] === parent).map(([child]) => child))
  for (const each of tree) send(each, signal)
}

const hasProc = existsSync('/proc/self/stat')

function startTicks(pid: number): string | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8')
    // The second field is the program's name in parentheses, which may itself hold spaces and parentheses.
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
    const [state, startTime] = [fields[0], fields[19]]
    return state === 'Z' || state === 'X' ? undefined : startTime
  } catch {
    return undefined
  }
}

function ps(pid: number, column: string): string | undefined {
  try {
    return execFileSync('ps', ['-o', column, '-p', String(pid)], { encoding: 'utf8' }).trim() || undefined
  } catch {
    return undefined
  }
}

function send(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(pid, signal)
  } catch {
    // It ended in between.
  }
}
