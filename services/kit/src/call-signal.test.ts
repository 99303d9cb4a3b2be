import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { apartFromCall, signalOfCall } from './call-signal.ts'
import { createRpcClient } from './rpc-client.ts'
import type { RpcServer } from './rpc-server.ts'
import { startProbeServer } from './testing/probe-server.ts'
import { ProbeService } from './testing/probe-service.ts'
import { createTestTokens, type TestTokens } from './testing/tokens.ts'

let tokens: TestTokens
let server: RpcServer
/** What the handlers saw last. */
let seen: (AbortSignal | undefined)[] = []

const look = () => seen.push(signalOfCall())
const never = () => new Promise<never>(() => {})

beforeAll(async () => {
  tokens = await createTestTokens()
  server = await startProbeServer(tokens, {
    async open({ value }) {
      await Promise.resolve()
      if (value === 'apart') apartFromCall(look)
      else look()
      return value === 'slow' ? never() : { value: 'done' }
    },
    async *count() {
      look()
      yield { value: 'first' }
      look()
      yield { value: 'second' }
      await never()
    },
  })
})
afterAll(() => server.close())

const client = () => createRpcClient(ProbeService, server.url, { token: () => tokens.mint() })

test('a caller who goes away aborts the signal of the call', async () => {
  seen = []
  const caller = new AbortController()
  const call = client()
    .open({ value: 'slow' }, { signal: caller.signal })
    .catch((error: unknown) => error)
  await expect.poll(() => seen.length, { timeout: 10_000 }).toBe(1)
  expect(seen[0]?.aborted).toBe(false)
  caller.abort()
  await call
  await expect.poll(() => seen[0]?.aborted, { timeout: 10_000 }).toBe(true)
})

test('what a call has left running when it is answered is not ended by that', async () => {
  seen = []
  await client().open({})
  // The library ends the signal of some calls when they are over.
  await sleep(100)
  expect(seen[0]?.aborted).toBe(false)
})

test('a stream has the signal from its first value to its last', async () => {
  seen = []
  const caller = new AbortController()
  const read = async () => {
    for await (const { value } of client().count({}, { signal: caller.signal })) {
      if (value === 'second') caller.abort()
    }
  }
  await read().catch(() => {})
  expect(seen).toHaveLength(2)
  expect(new Set(seen).size).toBe(1)
  await expect.poll(() => seen[0]?.aborted, { timeout: 10_000 }).toBe(true)
})

test('what is done apart from the call, and outside of any, has none', async () => {
  seen = []
  await client().open({ value: 'apart' })
  expect(seen).toEqual([undefined])
  expect(signalOfCall()).toBeUndefined()
})
