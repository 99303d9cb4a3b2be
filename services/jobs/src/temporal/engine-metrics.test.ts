import { expect, test } from 'vitest'
import { nameCounters } from './engine-metrics.ts'

test('counters of the engine are named as all others', () => {
  const text = [
    ...['# HELP temporal_request Count of requests', '# TYPE temporal_request counter'],
    ...['temporal_request{operation="GetSystemInfo"} 2', 'temporal_request 1'],
    ...[
      '# TYPE temporal_request_latency_seconds histogram',
      'temporal_request_latency_seconds_count{a="b"} 2',
    ],
    ...['# TYPE temporal_done_total counter', 'temporal_done_total 4', ''],
  ]
  expect(nameCounters(text.join('\n')).split('\n')).toEqual([
    ...['# HELP temporal_request_total Count of requests', '# TYPE temporal_request_total counter'],
    ...['temporal_request_total{operation="GetSystemInfo"} 2', 'temporal_request_total 1'],
    ...text.slice(4),
  ])
})

test('without any counter the text stays as it is', () => {
  expect(nameCounters('# TYPE temporal_num_pollers gauge\n')).toBe('# TYPE temporal_num_pollers gauge\n')
})
