import type { TestProject } from 'vitest/node'
import { consoleOrigin } from '../fixtures/origins.ts'
import { freeMetricsPorts, startTestStack, type TestStack } from '../fixtures/stack.ts'

let running: TestStack | undefined

/** One whole system for all tests that cross packages; each file makes schools of its own in it. */
export async function setup({ provide }: TestProject): Promise<void> {
  const metrics = await freeMetricsPorts()
  running = await startTestStack({ CORS_ORIGIN_WHITELIST: consoleOrigin, ...metrics.settings })
  provide('addresses', running.addresses)
  provide('operations', metrics.urls)
}

export async function teardown(): Promise<void> {
  await running?.close()
}
