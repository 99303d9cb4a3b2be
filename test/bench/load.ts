import { fork } from 'node:child_process'
import { once } from 'node:events'
import { metricsPortOf, type ProgramName } from '#stack/environment.ts'
import { type BenchContext, connectDatabase } from './context.ts'
import { type Histogram, quantileBetween, readHistogram } from './histograms.ts'
import { type LoadCommand, type LoadReport, mix, planLoad } from './load-plan.ts'
import { percentile } from './measure.ts'
import { type Use, watchProcesses } from './processes.ts'
import type { Table } from './tables.ts'

const firstRate = 50
const growth = 1.4
const stepSeconds = 10
const p99LimitMs = 500
const failureLimit = 0.01

const parts = [
  ...(['gateway', 'catalog', 'access-control', 'enrollment', 'jobs', 'jobs-worker'] as const),
  ...(['postgres', 'temporal'] as const),
]
type Part = (typeof parts)[number]
const histogramOf: Partial<Record<Part, string>> = {
  gateway: 'http_server_request_duration_seconds',
  'access-control': 'rpc_server_call_duration_seconds',
  catalog: 'rpc_server_call_duration_seconds',
  enrollment: 'rpc_server_call_duration_seconds',
  jobs: 'rpc_server_call_duration_seconds',
}

type Step = { rate: number; report: LoadReport; uses: PartUse[]; openJobs: number }
type PartUse = Use & { calls: number; p50: number; p99: number }

/** Reads, writes and jobs mixed, at rates that rise until the p99 passes half a second. */
export async function measureLoad(context: BenchContext): Promise<Table[]> {
  const requests = await planLoad(context.world)
  const generator = fork(new URL('load-generator.ts', import.meta.url))
  await once(generator, 'message')
  const send = async (rate: number, seconds: number) => {
    const command: LoadCommand = { origin: context.system.addresses.gateway, requests, rate, seconds }
    generator.send(command)
    const [report] = (await once(generator, 'message')) as [LoadReport]
    return report
  }
  try {
    await send(firstRate, stepSeconds)
    const steps: Step[] = []
    for (let rate = firstRate; ; rate = Math.round(rate * growth)) {
      const measure = () => measureStep(context, generator.pid as number, rate, () => send(rate, stepSeconds))
      const first = await measure()
      // Once may be the machine's fault.
      const step = isHeld(first) ? first : await measure()
      steps.push(step)
      if (!isHeld(step)) break
    }
    const held = steps.findLast(isHeld) ?? (steps[0] as Step)
    return [tellSteps(steps), tellProcesses(held)]
  } finally {
    generator.disconnect()
  }
}

async function measureStep(
  context: BenchContext,
  generator: number,
  rate: number,
  send: () => Promise<LoadReport>,
): Promise<Step> {
  const { stack } = context.system
  const watched = parts.map((name) => ({ name, pid: stack.pid(name) ?? 0, isGroup: name === 'postgres' }))
  const before = await Promise.all(parts.map((part) => scrape(context, part)))
  const used = watchProcesses([...watched, { name: 'load generator', pid: generator }])
  const report = await send()
  const uses = used()
  const after = await Promise.all(parts.map((part) => scrape(context, part)))
  const calls = (index: number) => {
    const [from, to] = [before[index], after[index]]
    if (from === undefined || to === undefined) return { calls: Number.NaN, p50: Number.NaN, p99: Number.NaN }
    return {
      calls: to.count - from.count,
      p50: quantileBetween(from, to, 0.5),
      p99: quantileBetween(from, to, 0.99),
    }
  }
  const openJobs = await countOpenJobs(context)
  return { rate, report, uses: uses.map((use, index) => ({ ...use, ...calls(index) })), openJobs }
}

async function scrape({ system }: BenchContext, part: Part): Promise<Histogram | undefined> {
  const name = histogramOf[part]
  if (name === undefined) return undefined
  const port = system.stack.env[metricsPortOf(part as ProgramName)]
  return readHistogram(await (await fetch(`http://127.0.0.1:${port}/metrics`)).text(), name)
}

async function countOpenJobs(context: BenchContext): Promise<number> {
  const database = await connectDatabase(context, 'jobs')
  const { rows } = await database.query<{ open: number }>(
    `select count(*)::int as open from jobs where state not in ('SUCCEEDED', 'FAILED', 'CANCELED')`,
  )
  await database.end()
  return rows[0]?.open ?? Number.NaN
}

function latenciesOf({ report }: Step): number[] {
  return report.answers.map(({ ms }) => ms)
}

function failuresOf({ report }: Step): number {
  return report.answers.filter(({ isOk }) => !isOk).length
}

function isHeld(step: Step): boolean {
  const isFast = percentile(latenciesOf(step), 0.99) <= p99LimitMs
  return isFast && failuresOf(step) <= failureLimit * step.report.answers.length
}

function tellSteps(steps: readonly Step[]): Table {
  return {
    title: `Load: ${mix.map(([kind, parts]) => `${parts} % ${kind}`).join(', ')}; 10 schools, each step ${stepSeconds} s`,
    columns: [
      'asked/s',
      'answered/s',
      'p50 ms',
      'p99 ms',
      'failures',
      'CPU s, ours',
      'CPU s, all',
      'jobs open at the end',
    ],
    rows: steps.map((step) => {
      const { rate, report, uses, openJobs } = step
      const sum = (each: readonly Use[]) =>
        each.reduce((total, { cpuSeconds }) => total + cpuSeconds, 0).toFixed(1)
      return [
        String(rate),
        (report.answers.length / report.seconds).toFixed(0),
        ...[0.5, 0.99].map((share) => percentile(latenciesOf(step), share).toFixed(0)),
        String(failuresOf(step)),
        sum(uses.slice(0, parts.length - 2)),
        sum(uses),
        String(openJobs),
      ]
    }),
  }
}

function tellProcesses({ rate, report, uses }: Step): Table {
  const known = (value: number, digits = 0) => (Number.isNaN(value) ? '–' : value.toFixed(digits))
  const bound = (value: number) => (Number.isNaN(value) ? '–' : `≤ ${value}`)
  return {
    title: `Load: the processes at ${rate} requests/s; times of calls to the bounds of the histograms in /metrics`,
    columns: ['process', 'calls/s', 'p50 ms', 'p99 ms', 'CPU s', 'CPU ms a request', 'peak MiB'],
    rows: uses.map(({ name, calls, p50, p99, cpuSeconds, peakMiB }) => [
      name,
      known(calls / report.seconds),
      bound(p50),
      bound(p99),
      known(cpuSeconds, 1),
      known((cpuSeconds * 1_000) / report.answers.length, 2),
      known(peakMiB),
    ]),
  }
}
