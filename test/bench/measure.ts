import { readFileSync, writeFileSync } from 'node:fs'
import { performance } from 'node:perf_hooks'
import autocannon from 'autocannon'

/** A row of the table: ours, and the least that the same work can cost here, measured in the same run. */
export type Row = { work: string; ours: string; floor: string; ratio: string }

export function median(values: number[]): number {
  const sorted = values.toSorted((a, b) => a - b)
  return sorted[Math.floor(sorted.length / 2)] ?? Number.NaN
}

/** The value below which this share of them lies. */
export function percentile(values: number[], share: number): number {
  const sorted = values.toSorted((a, b) => a - b)
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? Number.NaN
}

/** Seconds of each of some runs; a twentieth more of them come first and are not counted. */
export async function timeEach(runs: number, work: () => Promise<unknown>): Promise<number[]> {
  const seconds: number[] = []
  for (let run = -Math.ceil(runs / 20); run < runs; run++) {
    const start = performance.now()
    await work()
    if (run >= 0) seconds.push((performance.now() - start) / 1000)
  }
  return seconds
}

/** Median seconds of some runs; the first is not counted, it warms up. */
export async function timeRuns(runs: number, work: (run: number) => Promise<unknown>): Promise<number> {
  const seconds: number[] = []
  for (let run = 0; run <= runs; run++) {
    const start = performance.now()
    await work(run)
    if (run > 0) seconds.push((performance.now() - start) / 1000)
  }
  return median(seconds)
}

export type Load = { rate: number; p50: number; p99: number; failures: number }

const warmUpSeconds = 2

/** Requests per second that each URL answers, and how long they take in ms: of each the median of some loads, made in turns. */
export async function loadInTurns(targets: readonly autocannon.Options[], seconds = 4): Promise<Load[]> {
  for (const target of targets) await autocannon({ ...target, duration: warmUpSeconds })
  const rounds: Load[][] = []
  for (let round = 0; round < 3; round++) {
    const loads: Load[] = []
    for (const target of targets) loads.push(await loadUrl(target, seconds))
    rounds.push(loads)
  }
  return targets.map((_, index) => {
    const loads = rounds.map((round) => round[index] as Load)
    return loads.toSorted((a, b) => a.rate - b.rate)[1] as Load
  })
}

/** One load of so many seconds on a URL. */
export async function loadUrl(options: autocannon.Options, seconds: number): Promise<Load> {
  const result = await autocannon({ ...options, duration: seconds })
  return {
    rate: result.requests.average,
    p50: result.latency.p50,
    p99: result.latency.p99,
    failures: result.non2xx + result.errors,
  }
}

/** The same for any call, so many of them at a time. */
export async function loadCalls(
  call: () => Promise<unknown>,
  { inFlight, seconds }: { inFlight: number; seconds: number },
): Promise<Load> {
  const beganAt = performance.now()
  const latencies: number[] = []
  const work = async () => {
    for (let now = performance.now(); now < beganAt + seconds * 1_000; now = performance.now()) {
      await call()
      latencies.push(performance.now() - now)
    }
  }
  await Promise.all(Array.from({ length: inFlight }, work))
  const rate = latencies.length / ((performance.now() - beganAt) / 1_000)
  return { rate, p50: percentile(latencies, 0.5), p99: percentile(latencies, 0.99), failures: 0 }
}

/** Starts to measure a process's peak memory anew (Linux). */
export function resetPeakMemory(pid: number): void {
  try {
    writeFileSync(`/proc/${pid}/clear_refs`, '5')
  } catch {
    // Elsewhere there is no such file, and no figure either.
  }
}

/** Peak memory of a process since the reset, in MiB; NaN where the system does not tell. */
export function peakMemory(pid: number): number {
  try {
    const kibibytes = /VmHWM:\s+(\d+) kB/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1]
    return Number(kibibytes) / 1024
  } catch {
    return Number.NaN
  }
}
