import { readFileSync } from 'node:fs'
import { collectDefaultMetrics, Gauge, Registry } from 'prom-client'
import { rememberFor } from './remember-for.ts'
import { raceWithAbort } from './streams.ts'

/** The metrics of one process. docs/monitoring.md lists them; a test compares. */
export type Metrics = {
  /** Whether anybody can ask for them: a port is set. Without it what costs something is left out. */
  areTold: boolean
  /** Where every metric of the process is made. */
  registry: Registry
  /**
   * Has something read before a scrape, at most every two seconds; a text that it resolves to, in Prometheus's format, is added to
   * ours. One that fails or takes longer than three seconds lowers `registrar_metrics_source_up` and nothing else.
   */
  addSource(name: string, read: () => Promise<string | undefined>): void
  /** All of them, in Prometheus's text format. */
  render(): Promise<string>
}

const rememberMs = 2_000
// Longer than the checks of readiness may take, which are a source.
const readWithinMs = 3_000
// Finer, watching the event loop costs an idle process more than all else.
const lagResolutionMs = 20
// Gauges with a counter's name; `nodejs_active_…` without the end tell the same by kind.
const misnamed = ['resources', 'handles', 'requests'].map((kind) => `nodejs_active_${kind}_total`)

/** The metrics that every process has: which build runs and, where they are told, how Node fares. */
export function createMetrics(areTold: boolean): Metrics {
  const registry = new Registry()
  const sources: (() => Promise<string>)[] = []
  const registers = [registry]
  new Gauge({
    name: 'registrar_build_info',
    help: 'Always 1: which release runs, on which Node.',
    labelNames: ['version', 'node'],
    registers,
  }).set({ version: readVersion(), node: process.version }, 1)
  const sourceUp = new Gauge({
    name: 'registrar_metrics_source_up',
    help: 'Whether what is read for a scrape could be read; while it cannot, its metrics are absent.',
    labelNames: ['source'],
    registers,
  })
  if (areTold) watchProcess(registry)
  return {
    ...{ registry, areTold },
    addSource(source, read) {
      const readInTime = rememberFor(rememberMs, () =>
        raceWithAbort(read(), AbortSignal.timeout(readWithinMs)),
      )
      sources.push(async () => {
        try {
          const text = (await readInTime()) ?? ''
          sourceUp.set({ source }, 1)
          return text
        } catch {
          sourceUp.set({ source }, 0)
          return ''
        }
      })
    },
    async render() {
      const texts = await Promise.all(sources.map((read) => read()))
      return [await registry.metrics(), ...texts].join('')
    },
  }
}

/** CPU, memory, event loop, garbage collection. */
function watchProcess(registry: Registry): void {
  collectDefaultMetrics({ register: registry, eventLoopMonitoringPrecision: lagResolutionMs })
  for (const name of misnamed) registry.removeSingleMetric(name)
}

/** The same metrics in the OpenMetrics format. prom-client's own way to it renames the counters for good. */
export function toOpenMetrics(text: string): string {
  const counters = new Set([...text.matchAll(/^# TYPE (\S+) counter$/gm)].map(([, name]) => name))
  const lines = text
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => {
      const [, keyword, name = '', rest] = /^# (HELP|TYPE) (\S+)(.*)$/.exec(line) ?? []
      if (keyword === undefined) return line.replace(/ Nan$/, ' NaN')
      return `# ${keyword} ${counters.has(name) ? name.replace(/_total$/, '') : name}${rest}`
    })
  return `${lines.join('\n')}\n# EOF\n`
}

function readVersion(): string {
  const text = readFileSync(new URL('../../../package.json', import.meta.url), 'utf8')
  return (JSON.parse(text) as { version: string }).version
}
