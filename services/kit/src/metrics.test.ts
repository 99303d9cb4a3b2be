import { Counter, Gauge } from 'prom-client'
import { afterEach, expect, test, vi } from 'vitest'
import { createMetrics, toOpenMetrics } from './metrics.ts'

afterEach(() => vi.useRealTimers())

test('a process tells which build of it runs, and how Node fares where anybody can ask', async () => {
  expect(await createMetrics(false).render()).toMatch(
    /^registrar_build_info\{version="\d+\.\d+\.\d+",node="v\d+\.\d+\.\d+"\} 1$/m,
  )
  const text = await createMetrics(true).render()
  expect(text).toContain('\nprocess_resident_memory_bytes ')
  expect(text).not.toMatch(/^# TYPE \S+_total gauge$/m)
})

test('a source that fails or hangs costs its own values and nothing else', async () => {
  vi.useFakeTimers()
  const metrics = createMetrics(false)
  const registers = [metrics.registry]
  const queue = new Gauge({ name: 'queue', help: 'Read for a scrape.', registers })
  new Counter({ name: 'work_total', help: 'Counted.', registers }).inc(7)
  let read: () => Promise<number> = async () => 3
  metrics.addSource('database', async () => {
    queue.reset()
    queue.set(await read())
    return undefined
  })
  metrics.addSource('engine', async () => '# TYPE engine_total counter\nengine_total 5\n')
  const tell = async () => {
    const text = metrics.render()
    await vi.advanceTimersByTimeAsync(3_100)
    return text
  }

  const well = await tell()
  expect(well).toContain('\nqueue 3\n')
  expect(well).toContain('\nengine_total 5\n')
  expect(well).toContain('\nregistrar_metrics_source_up{source="database"} 1\n')
  for (const away of [() => Promise.reject(new Error('away')), () => new Promise<number>(() => {})]) {
    read = away
    const partial = await tell()
    expect(partial).toContain('\nregistrar_metrics_source_up{source="database"} 0\n')
    expect(partial).toContain('\nregistrar_metrics_source_up{source="engine"} 1\n')
    expect(partial).toContain('\nwork_total 7\n')
  }
})

test('a source is read once for scrapes that come together', async () => {
  const metrics = createMetrics(false)
  const read = vi.fn(async () => undefined)
  metrics.addSource('database', read)
  await Promise.all([metrics.render(), metrics.render(), metrics.render()])
  expect(read).toHaveBeenCalledTimes(1)
})

test('the same metrics in OpenMetrics: the family of a counter has no _total, and there is an end', async () => {
  const metrics = createMetrics(false)
  const registers = [metrics.registry]
  new Counter({ name: 'work_total', help: 'Counted.', labelNames: ['kind'], registers }).inc({ kind: 'a' })
  new Gauge({ name: 'lag_seconds', help: 'Not known yet.', registers }).set(Number.NaN)
  const text = await metrics.render()
  expect(toOpenMetrics(text).split('\n').slice(-8)).toEqual([
    ...['# HELP work Counted.', '# TYPE work counter', 'work_total{kind="a"} 1'],
    ...['# HELP lag_seconds Not known yet.', '# TYPE lag_seconds gauge', 'lag_seconds NaN'],
    ...['# EOF', ''],
  ])
  // Made of the text, so that the other format keeps its names.
  expect(await metrics.render()).toBe(text)
})
