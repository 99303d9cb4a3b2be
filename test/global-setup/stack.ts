import type { TestProject } from 'vitest/node'
import { consoleOrigin } from '../fixtures/origins.ts'
import { startTestStack, type TestStack } from '../fixtures/stack.ts'

let running: TestStack | undefined

/** One whole system for all tests that cross packages; each file makes schools of its own in it. */
export async function setup({ provide }: TestProject): Promise<void> {
  running = await startTestStack({ CORS_ORIGIN_WHITELIST: consoleOrigin })
  provide('addresses', running.addresses)
}

export async function teardown(): Promise<void> {
  await running?.close()
}
