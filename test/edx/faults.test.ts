import { afterAll, afterEach, beforeAll, expect, test } from 'vitest'
import { type FaultKind, FaultSwitches, faultKinds } from './faults.ts'
import { type StandIn, startStandIn } from './server.ts'
import { callStandIn } from './testing.ts'

let server: StandIn
let done = 0

beforeAll(async () => {
  server = await startStandIn(0, (app) => {
    app.post('/work', () => {
      done++
      return { results: Array(100).fill('row') }
    })
  })
})

afterAll(() => server.close())
afterEach(() => server.faults.reset())

test.each<[FaultKind, number, boolean]>([
  ['unavailable', 503, false],
  ['throttled', 429, false],
  ['failed', 500, false],
  ['dropped', 0, false],
  ['lost', 0, true],
  ['brokenOff', 0, true],
  ['garbage', 200, true],
])('%s: status %i, after the work: %s', async (kind, expected, isDone) => {
  server.faults.set({ rates: { [kind]: 1 }, retryAfterSeconds: 3 })
  done = 0
  const answer = await callStandIn(server, '/work', { method: 'POST', body: {} }).catch(() => undefined)
  expect(answer?.status ?? 0).toBe(expected)
  expect(done).toBe(isDone ? 1 : 0)
  expect(answer?.headers.get('retry-after') ?? null).toBe(kind === 'throttled' ? '3' : null)
  if (kind === 'garbage') expect(() => JSON.parse(answer?.text ?? '')).toThrow()
  expect(server.faults.counts).toEqual({ [kind]: 1 })
})

test('chance follows the rates and repeats itself from the same seed', () => {
  const draw = (seed: number) => {
    const switches = new FaultSwitches()
    switches.set({ seed, rates: { unavailable: 0.1, dropped: 0.2 } })
    return Array.from({ length: 2_000 }, () => switches.draw('/x'))
  }
  const drawn = draw(7)
  expect(draw(7)).toEqual(drawn)
  expect(draw(8)).not.toEqual(drawn)
  const share = (kind: FaultKind) => drawn.filter((each) => each === kind).length / drawn.length
  expect(faultKinds.map((kind) => Math.round(share(kind) * 20) / 20)).toEqual([0.1, 0, 0, 0.2, 0, 0, 0])
})

test('only what is named suffers, and never the controls', async () => {
  server.faults.set({ rates: { failed: 1 }, only: '/other' })
  expect((await callStandIn(server, '/work', { method: 'POST', body: {} })).status).toBe(200)
  server.faults.set({ only: '' })
  expect((await callStandIn(server, '/_control/requests')).status).toBe(200)
})
