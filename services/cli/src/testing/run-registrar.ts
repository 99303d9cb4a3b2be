import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { fileURLToPath } from 'node:url'

const main = fileURLToPath(new URL('../main.ts', import.meta.url))

// Tests start the command a hundred times: stripping its types once is enough.
const compileCache = join(tmpdir(), 'registrar-cli-compile-cache')

export type Outcome = { exitCode: number | null; stdout: string; stderr: string }

/** Runs the command as a process of its own with just this environment, in an empty folder that is gone afterwards. */
export async function runRegistrar(args: readonly string[], env: Record<string, string>): Promise<Outcome> {
  const cwd = await mkdtemp(join(tmpdir(), 'registrar-cli-'))
  try {
    return await runRegistrarIn(cwd, args, env)
  } finally {
    await rm(cwd, { recursive: true })
  }
}

export async function runRegistrarIn(
  cwd: string,
  args: readonly string[],
  env: Record<string, string>,
): Promise<Outcome> {
  const child = spawn(process.execPath, [main, ...args], {
    cwd,
    env: { PATH: process.env.PATH, NODE_COMPILE_CACHE: compileCache, ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  const closed = once(child, 'close')
  const [stdout, stderr] = await Promise.all([text(child.stdout), text(child.stderr)])
  const [exitCode] = (await closed) as [number | null]
  return { exitCode, stdout, stderr }
}
