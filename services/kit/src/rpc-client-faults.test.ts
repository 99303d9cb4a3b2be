import { afterEach, beforeEach, expect, test } from 'vitest'
import { sessionManagerOf } from './http2-sessions.ts'
import { closeRpcConnections, createRpcClient } from './rpc-client.ts'
import type { RpcServer } from './rpc-server.ts'
import { type FaultProxy, startFaultProxy } from './testing/fault-proxy.ts'
import { startProbeServer } from './testing/probe-server.ts'
import { ProbeService } from './testing/probe-service.ts'
import { createTestTokens, type TestTokens } from './testing/tokens.ts'

let tokens: TestTokens
let server: RpcServer
let proxy: FaultProxy
let retries: string[]
let release: () => void

beforeEach(async () => {
  tokens = await createTestTokens()
  const { promise: released, resolve } = Promise.withResolvers<void>()
  release = resolve
  server = await startProbeServer(tokens, {
    ask: async ({ value }) => {
      if (value === 'slow') await released
      return { value: 'answer'.repeat(value === 'long' ? 10_000 : 1) }
    },
    change: () => ({ value: 'changed' }),
  })
  proxy = await startFaultProxy(Number(new URL(server.url).port))
  retries = []
})
afterEach(async () => {
  release()
  closeRpcConnections()
  await proxy.close()
  await server.close()
})

const client = () =>
  createRpcClient(ProbeService, `http://127.0.0.1:${proxy.port}`, {
    token: () => tokens.mint(),
    onRetry: ({ rawMessage }) => retries.push(rawMessage),
  })

test('a call on a connection that is half open is made again on another, well before its deadline', async () => {
  await client().ask({})
  proxy.freeze()
  expect((await client().ask({}, { timeoutMs: 6_000 })).value).toBe('answer')
  expect(retries).toEqual(['the connection is dead'])
  expect(proxy.count()).toBe(2)
})

test('a connection that is half open is left, however short its calls are', async () => {
  await client().ask({})
  proxy.freeze()
  const outcomes: string[] = []
  const until = Date.now() + 8_000
  while (outcomes.at(-1) !== 'answered' && Date.now() < until) {
    const call = client().ask({}, { timeoutMs: 200 })
    outcomes.push(
      await call.then(
        () => 'answered',
        () => 'too late',
      ),
    )
  }
  expect(outcomes.at(-1)).toBe('answered')
})

test('a connection that is half open is found while nobody calls', async () => {
  await client().ask({})
  const manager = sessionManagerOf(`http://127.0.0.1:${proxy.port}`)
  await expect.poll(() => manager.state()).toBe('idle')
  proxy.freeze()
  await expect.poll(() => manager.state(), { timeout: 10_000 }).toBe('error')
  expect((await client().ask({})).value).toBe('answer')
  expect(retries).toEqual([])
})

test('a process that was busy itself does not take its connections for dead', async () => {
  const call = client().ask({ value: 'slow' })
  // Long enough for a ping to be on its way.
  await new Promise((resolve) => setTimeout(resolve, 1_600))
  const until = Date.now() + 3_000
  while (Date.now() < until);
  setTimeout(release, 600)
  expect((await call).value).toBe('answer')
  expect(retries).toEqual([])
})

test('a server that takes its time is waited for: its connection is alive', async () => {
  const call = client().ask({ value: 'slow' })
  setTimeout(release, 5_000)
  expect((await call).value).toBe('answer')
  expect(retries).toEqual([])
})

test('an answer that is cut off in the middle is asked for again', async () => {
  await client().ask({})
  proxy.cutAfter(20_000)
  expect((await client().ask({ value: 'long' })).value).toHaveLength(60_000)
  expect(retries).toHaveLength(1)
})

test('while connections are refused or swallowed, calls wait for some seconds', async () => {
  for (const how of ['refuse', 'swallow'] as const) {
    proxy.reset()
    proxy.welcome(how)
    setTimeout(() => proxy.welcome('carry'), 500)
    expect((await client().ask({})).value).toBe('answer')
  }
  expect(retries.length).toBeGreaterThan(1)
})

test('a call with side effects waits as well when no connection can be made: nothing of it was sent', async () => {
  await server.close()
  const port = Number(new URL(server.url).port)
  const direct = createRpcClient(ProbeService, server.url, { token: () => tokens.mint() })
  const call = direct.change({})
  server = await startProbeServer(tokens, { change: () => ({ value: 'changed' }) }, { port })
  expect((await call).value).toBe('changed')
})
