import type { Metrics } from '../metrics.ts'

/**
 * The values of metrics whose names begin so, by name and labels as Prometheus writes them; of histograms how many values each has
 * got.
 */
export async function readMetrics(metrics: Metrics, prefix: string): Promise<Record<string, number>> {
  return valuesIn(await metrics.render(), prefix)
}

/** The same in what `/metrics` tells. */
export function valuesIn(text: string, prefix: string): Record<string, number> {
  const lines = text
    .split('\n')
    .filter((line) => line.startsWith(prefix) && !/^\w+_(bucket|sum)[ {]/.test(line))
    .map((line) => {
      const end = line.lastIndexOf(' ')
      return [line.slice(0, end), Number(line.slice(end + 1))] as const
    })
  return Object.fromEntries(lines)
}
