import { readdirSync, readFileSync } from 'node:fs'
import { peakMemory, resetPeakMemory } from './measure.ts'

/** A process by the name of what it is. A group is one with all that it has started: PostgreSQL. */
export type WatchedProcess = { name: string; pid: number; isGroup?: boolean }

/** What it used in a while. The processes of a group share memory, so that it has no peak of its own. */
export type Use = { name: string; cpuSeconds: number; peakMiB: number }

/** Starts to watch what processes use; the function that it returns tells what it was (Linux; NaN elsewhere). */
export function watchProcesses(processes: readonly WatchedProcess[]): () => Use[] {
  const before = processes.map(cpuSecondsOf)
  for (const { pid } of processes) resetPeakMemory(pid)
  return () =>
    processes.map((process, index) => ({
      name: process.name,
      cpuSeconds: cpuSecondsOf(process) - (before[index] as number),
      peakMiB: process.isGroup ? Number.NaN : peakMemory(process.pid),
    }))
}

const ticksPerSecond = 100

function cpuSecondsOf({ pid, isGroup = false }: WatchedProcess): number {
  const own = readStat(pid)
  if (own === undefined) return Number.NaN
  if (!isGroup) return own.ticks / ticksPerSecond
  const children = readdirSync('/proc')
    .filter((entry) => /^\d+$/.test(entry))
    .map((entry) => readStat(Number(entry)))
    .filter((stat) => stat?.parent === pid)
  const ticks = children.reduce((sum, stat) => sum + (stat?.ticks ?? 0), own.ticks + own.ticksOfEnded)
  return ticks / ticksPerSecond
}

/** Undefined when there is no such process, and where the system does not tell. */
function readStat(pid: number) {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8')
    // The second field is the program's name in parentheses, which may itself hold spaces and parentheses.
    const fields = stat
      .slice(stat.lastIndexOf(')') + 2)
      .split(' ')
      .map(Number)
    const [user = 0, system = 0, userOfEnded = 0, systemOfEnded = 0] = fields.slice(11, 15)
    return { parent: fields[1], ticks: user + system, ticksOfEnded: userOfEnded + systemOfEnded }
  } catch {
    return undefined
  }
}
