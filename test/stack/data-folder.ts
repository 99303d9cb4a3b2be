import {
  chmodSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs'
import { join, resolve } from 'node:path'
import { StackProblem } from './problem.ts'
import { endProcess, isRunning, type ProcessRecord, recordOf } from './running-process.ts'

/**
 * The folder with everything that one stack keeps: database, Temporal's file, development keys, stored files.
 *
 * While a stack uses it, `run/` in it says which processes are whose, so that a second stack is refused and what a
 * stack that was killed left running is stopped by the next one.
 */
export type DataFolder = {
  /** Absolute. */
  readonly path: string
  /** Writes down that this process is ours; returns what forgets it again. */
  note(name: string, pid: number, stopSignal: NodeJS.Signals): () => void
  /** Gives the folder back. */
  release(): void
}

/** Takes the folder for this process, making it when absent. Throws a StackProblem when another stack uses it. */
export async function openDataFolder(dataDir: string, log: (line: string) => void): Promise<DataFolder> {
  const path = resolve(dataDir)
  const runDir = join(path, 'run')
  makeFolders(path, runDir)
  const holder = read(join(runDir, owner))
  if (holder !== undefined && isRunning(holder)) {
    throw new StackProblem(
      `Another stack (process ${holder.pid}) uses ${path}: stop it or set REGISTRAR_DATA_DIR to another folder.`,
    )
  }
  const forgetOwner = note(runDir, owner, process.pid, 'SIGTERM')
  await stopLeftovers(runDir, log)
  return {
    path,
    note: (name, pid, stopSignal) => note(runDir, `${name}.json`, pid, stopSignal),
    release: forgetOwner,
  }
}

type Note = ProcessRecord & { readonly stopSignal: NodeJS.Signals }

const owner = 'stack.json'
const leftoverStopsWithinMs = 15_000

/** PostgreSQL refuses to run as root: as root its own user has to pass through this folder. Secrets in it are 0600. */
export function letPostgresPass(path: string): void {
  if (process.getuid?.() === 0) chmodSync(path, statSync(path).mode | 0o711)
}

function makeFolders(path: string, runDir: string): void {
  try {
    mkdirSync(runDir, { recursive: true })
    letPostgresPass(path)
  } catch (error) {
    throw new StackProblem(
      `${path} cannot be used (${(error as Error).message}): set REGISTRAR_DATA_DIR to a folder that can be written.`,
    )
  }
}

function note(runDir: string, file: string, pid: number, stopSignal: NodeJS.Signals): () => void {
  const record = recordOf(pid)
  if (record === undefined) return () => {}
  const path = join(runDir, file)
  writeFileSync(`${path}.new`, JSON.stringify({ ...record, stopSignal }))
  renameSync(`${path}.new`, path)
  return () => rmSync(path, { force: true })
}

function read(path: string): Note | undefined {
  try {
    return JSON.parse(readFileSync(path, 'utf8')) as Note
  } catch {
    return undefined
  }
}

async function stopLeftovers(runDir: string, log: (line: string) => void): Promise<void> {
  const files = readdirSync(runDir).filter((file) => file !== owner)
  await Promise.all(files.map((file) => stopLeftover(join(runDir, file), file.replace(/\..*$/, ''), log)))
}

async function stopLeftover(path: string, name: string, log: (line: string) => void): Promise<void> {
  const left = read(path)
  if (left !== undefined && isRunning(left)) {
    log(`stopping ${name} (process ${left.pid}), left behind by a start that was killed`)
    await endProcess(left, left.stopSignal, leftoverStopsWithinMs)
  }
  rmSync(path, { force: true })
}
