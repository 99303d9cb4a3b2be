import { execFile } from 'node:child_process'
import { randomUUID } from 'node:crypto'
import { accessSync, constants, existsSync, mkdirSync, renameSync, rmSync } from 'node:fs'
import { homedir } from 'node:os'
import { delimiter, dirname, join } from 'node:path'
import { promisify } from 'node:util'
import { StackProblem } from '#stack/problem.ts'

/** The Temporal server that is built: the version of the images in docker-compose.yml. */
export const temporalServerVersion = '1.31.2'

type Search = { readonly env: NodeJS.ProcessEnv; readonly log: (line: string) => void }

/** Packages of the Go module, and what their programs are called in Temporal's images. */
const programs = {
  'temporal-server': { package: 'cmd/server', built: 'server' },
  'temporal-sql-tool': { package: 'cmd/tools/sql', built: 'sql' },
} as const

/**
 * The folder with `temporal-server` and `temporal-sql-tool`: the one on the PATH that has both, else the user's cache, into which Go
 * builds them. Throws a StackProblem when there is none and no Go.
 */
export async function findTemporalServer({ env, log }: Search): Promise<string> {
  const names = Object.keys(programs)
  const folders = (env.PATH ?? '').split(delimiter).filter((folder) => folder !== '')
  const onPath = folders.find((folder) => names.every((name) => isProgram(join(folder, name))))
  if (onPath !== undefined) {
    log(`using temporal-server and temporal-sql-tool in ${onPath}`)
    return onPath
  }
  const caches = env.XDG_CACHE_HOME || join(env.HOME || homedir(), '.cache')
  const cached = join(caches, 'registrar', `temporal-server-${temporalServerVersion}`)
  if (!existsSync(cached)) await build(cached, { env, log })
  return cached
}

async function build(cached: string, { env, log }: Search): Promise<void> {
  log(`building the Temporal server ${temporalServerVersion} with Go: this takes some minutes, once`)
  const unfinished = join(dirname(cached), `unfinished-${randomUUID()}`)
  try {
    mkdirSync(unfinished, { recursive: true })
    for (const [name, { package: path, built }] of Object.entries(programs)) {
      const source = `go.temporal.io/server/${path}@v${temporalServerVersion}`
      // GOPROXY and its like are the user's. What is downloaded is checked against Go's checksum database.
      await promisify(execFile)('go', ['install', source], { env: { ...env, GOBIN: unfinished } })
      renameSync(join(unfinished, built), join(unfinished, name))
    }
    // Whole or not at all, also beside another start that builds it at the same time.
    if (!existsSync(cached)) renameSync(unfinished, cached)
  } catch (error) {
    throw new StackProblem(
      `There is no Temporal server and it could not be built (${whyNot(error)}): install Go (https://go.dev/dl), or put temporal-server and temporal-sql-tool ${temporalServerVersion} on the PATH.`,
    )
  } finally {
    rmSync(unfinished, { recursive: true, force: true })
  }
}

function whyNot(error: unknown): string {
  if ((error as NodeJS.ErrnoException).code === 'ENOENT') return 'there is no `go`'
  return (error as Error).message.trim().split('\n').at(-1) ?? ''
}

function isProgram(path: string): boolean {
  try {
    accessSync(path, constants.X_OK)
    return true
  } catch {
    return false
  }
}
