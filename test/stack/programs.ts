import { fileURLToPath } from 'node:url'
import { Agent, fetch } from 'undici'
import { narrowEnvironment, type ProgramName } from './environment.ts'
import { assertServing } from './grpc-health.ts'
import type { ProcessSpec } from './process-run.ts'
import { type StackSettings, urlOf } from './settings.ts'

/** How one of our Node programs is run: its `main.ts`, the part of the environment that it needs, how it is known to serve. */
export function specOf(name: ProgramName, settings: StackSettings, filled: NodeJS.ProcessEnv): ProcessSpec {
  const [script, ...args] = commands[name]
  return {
    name,
    command: process.execPath,
    args: [fileURLToPath(new URL(`../../${script}`, import.meta.url)), ...args],
    env: narrowEnvironment(filled, name),
    sendsReady: name !== 'migrations',
    check: checkOf(name, settings),
    readyWithin: 60_000,
  }
}

const commands: Record<ProgramName, readonly [script: string, ...args: string[]]> = {
  migrations: ['services/cli/src/main.ts', 'migrate'],
  'access-control': ['services/access-control/src/main.ts'],
  catalog: ['services/catalog/src/main.ts'],
  enrollment: ['services/enrollment/src/main.ts'],
  jobs: ['services/jobs/src/main.ts'],
  'jobs-worker': ['services/jobs/src/worker.ts'],
  gateway: ['gateway/src/main.ts'],
}

function checkOf(name: ProgramName, settings: StackSettings): ProcessSpec['check'] {
  // It listens on nothing: its word has to do.
  if (name === 'migrations' || name === 'jobs-worker') return undefined
  const url = urlOf(settings, name)
  if (name === 'gateway') return (signal) => assertHealthy(`${url}/health`, signal)
  return (signal) => assertServing(new URL(url).host, '', signal, settings.tls)
}

// Its certificate names where partners call it, which is not here.
const anyCertificate = new Agent({ connect: { rejectUnauthorized: false } })

async function assertHealthy(url: string, signal: AbortSignal): Promise<void> {
  const response = await fetch(url, { signal, dispatcher: anyCertificate })
  await response.body?.cancel()
  if (response.status !== 200) throw new Error(`${url} answers ${response.status}`)
}
