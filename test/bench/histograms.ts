/** The calls that a process has answered so far, by how long they took. */
export type Histogram = { count: number; buckets: ReadonlyMap<number, number> }

/** All series of a histogram in Prometheus's text format, added up. */
export function readHistogram(text: string, name: string): Histogram {
  const buckets = new Map<number, number>()
  let count = 0
  for (const line of text.split('\n')) {
    if (!line.startsWith(name)) continue
    const value = Number(line.slice(line.lastIndexOf(' ') + 1))
    if (line.startsWith(`${name}_count`)) count += value
    const bound = /_bucket\{.*le="([^"]+)"/.exec(line)?.[1]
    if (bound === undefined) continue
    const upTo = bound === '+Inf' ? Number.POSITIVE_INFINITY : Number(bound)
    buckets.set(upTo, (buckets.get(upTo) ?? 0) + value)
  }
  return { count, buckets }
}

/** The milliseconds within which this share of the calls between two readings ended: the upper bound of their bucket. */
export function quantileBetween(before: Histogram, after: Histogram, share: number): number {
  const wanted = (after.count - before.count) * share
  for (const [upTo, count] of [...after.buckets].sort(([a], [b]) => a - b)) {
    if (count - (before.buckets.get(upTo) ?? 0) >= wanted) return upTo * 1_000
  }
  return Number.NaN
}
