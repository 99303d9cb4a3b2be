import { execFile } from 'node:child_process'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { assertServing } from './grpc-health.ts'
import type { Reports } from './process-run.ts'
import { type SupervisedProcess, supervise } from './supervise.ts'

export type TemporalOptions = {
  /** What `findTemporalBinary` found. */
  readonly binary: string
  /** Its one file lies in there, and is kept. */
  readonly dataDir: string
  readonly port: number
  readonly uiPort: number
  /** Made when absent, beside `default`. */
  readonly namespace: string
  /** Registered when absent: name → Text, Keyword, Int, Double, Bool, Datetime or KeywordList. */
  readonly searchAttributes?: Readonly<Record<string, string>>
  /** More settings, as `matching.numTaskqueueReadPartitions=1`; the value is JSON. */
  readonly dynamicConfig?: readonly string[]
  readonly reports: Reports
  readonly signal?: AbortSignal
}

export type Temporal = {
  /** host:port */
  readonly address: string
  readonly uiUrl: string
  readonly process: SupervisedProcess
}

/** Starts Temporal's development server and its UI on 127.0.0.1. */
export async function startTemporal(options: TemporalOptions): Promise<Temporal> {
  const { binary, port, uiPort, namespace, searchAttributes = {}, reports, signal } = options
  const address = `127.0.0.1:${port}`
  const process = await supervise(
    {
      name: 'temporal',
      command: binary,
      args: argumentsOf(options),
      env: environmentOf(options),
      check: (checkSignal) => assertServing(address, frontend, checkSignal),
      readyWithin: 60_000,
    },
    { ...reports, output: (name, line) => greeting.test(line) || reports.output(name, line) },
    signal,
  )
  const wanted = Object.entries(searchAttributes).flatMap(([name, type]) => ['--name', name, '--type', type])
  try {
    if (wanted.length > 0) {
      const create = [
        'operator',
        'search-attribute',
        'create',
        '--address',
        address,
        '--namespace',
        namespace,
      ]
      await promisify(execFile)(binary, [...create, ...wanted], {
        env: environmentOf(options),
        timeout: 30_000,
      })
    }
  } catch (error) {
    await process.stop()
    throw error
  }
  return { address, uiUrl: `http://127.0.0.1:${uiPort}`, process }
}

const frontend = 'temporal.api.workflowservice.v1.WorkflowService'

// What it prints about itself when it has started.
const greeting = /^$|^Temporal (CLI|Server|UI|Metrics|Persistence)\b/

// Of a lone workflow with three activities, and of the same one after the other without a pause: 110 and 200 ms as the
// server comes, 50 and 50 ms with these. Eager activities and a single partition changed nothing beyond that.
const pragmas = ['journal_mode=WAL', 'synchronous=NORMAL']
// How often the queue of tasks may be read each second. The default of 20 makes every step after the first few wait for
// its turn, 50 ms.
const fasterDispatch = 'history.transferProcessorMaxPollRPS=1000'
// Schools take turns by the fairness keys of their jobs, exactly so in a queue of one partition: with the usual four, a lone job's turn
// was anywhere from the first to the eightieth of a hundred.
const fairness = [
  'matching.enableFairness=true',
  'matching.numTaskqueueReadPartitions=1',
  'matching.numTaskqueueWritePartitions=1',
]

function argumentsOf({ dataDir, port, uiPort, namespace, dynamicConfig = [] }: TemporalOptions): string[] {
  return [
    ...['server', 'start-dev', '--ip', '127.0.0.1', '--port', String(port), '--ui-port', String(uiPort)],
    ...['--db-filename', join(dataDir, 'temporal.db'), '--namespace', namespace],
    ...['--log-level', 'error', '--log-format', 'json', '--ui-disable-news-fetch'],
    ...pragmas.flatMap((each) => ['--sqlite-pragma', each]),
    ...[fasterDispatch, ...fairness, ...dynamicConfig].flatMap((each) => ['--dynamic-config-value', each]),
  ]
}

/** It asks nobody on the internet whether it is up to date, and reads no configuration of the user's. */
function environmentOf({ dataDir }: TemporalOptions): NodeJS.ProcessEnv {
  return { HOME: dataDir, TEMPORAL_VERSION_CHECK_DISABLED: '1' }
}
