import { expect, test } from 'vitest'
import { runConnectionFaults } from '../fixtures/connection-faults.ts'
import { faultKinds } from '../fixtures/fault-kinds.ts'

const seed = Number(process.env.CHAOS_SEED ?? 20261127)

test('connections that die in every way cost a retry at most: no read fails, and no process ends', async () => {
  console.log(`CHAOS_SEED=${seed}`)
  const { report, kinds, calls, faults } = await runConnectionFaults({ seed, windowMs: 35_000 })
  console.log(report)

  expect(faults).toEqual([])
  expect([...kinds.keys()].toSorted()).toEqual(Object.keys(faultKinds).toSorted())
  expect(calls).toBeGreaterThan(200)
}, 300_000)
