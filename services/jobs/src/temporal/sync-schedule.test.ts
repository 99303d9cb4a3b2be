import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { startTestStack, type TestStack } from '../testing/stack.ts'
import { syncScheduleId } from './names.ts'

let stack: TestStack

beforeAll(async () => {
  stack = await startTestStack({ DISCOVERY_SYNC_INTERVAL: '1' })
})
afterAll(() => stack.stop())

const scheduleExists = async () => {
  const { schedule } = await stack.temporal.client()
  return schedule
    .getHandle(syncScheduleId)
    .describe()
    .then(
      () => true,
      () => false,
    )
}

test('the sync runs by its interval, as the operator: the catalog first, then the groups', async () => {
  await expect.poll(() => stack.peers.operations.length, { timeout: 30_000 }).toBeGreaterThanOrEqual(4)
  expect(stack.peers.operations.slice(0, 4)).toEqual([
    'syncWithDiscovery',
    'ensureReportGroups',
    'syncWithDiscovery',
    'ensureReportGroups',
  ])
})

test('without an interval there is no schedule, also where there was one', async () => {
  expect(await scheduleExists()).toBe(true)
  await stack.startService({ DISCOVERY_SYNC_INTERVAL: '0' })
  await expect.poll(scheduleExists, { timeout: 30_000 }).toBe(false)
  await sleep(2_000)
  const count = stack.peers.operations.length
  await sleep(3_000)
  expect(stack.peers.operations).toHaveLength(count)
})
