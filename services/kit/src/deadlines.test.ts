import { setTimeout as sleep } from 'node:timers/promises'
import { Code, ConnectError, createClient, type HandlerContext } from '@connectrpc/connect'
import { createConnectTransport, createGrpcTransport } from '@connectrpc/connect-node'
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { timeoutOf } from './deadlines.ts'
import { DomainError, Reason } from './errors.ts'
import { reasonOf } from './rpc-errors.ts'
import type { RpcServer } from './rpc-server.ts'
import { startProbeServer } from './testing/probe-server.ts'
import { ProbeService } from './testing/probe-service.ts'
import { createTestTokens, type TestTokens } from './testing/tokens.ts'

let tokens: TestTokens
let server: RpcServer
let aborted: Promise<unknown>
let onAborted: (reason: unknown) => void

const never = () => new Promise<never>(() => {})
const watch = ({ signal }: HandlerContext) => signal.addEventListener('abort', () => onAborted(signal.reason))

beforeAll(async () => {
  tokens = await createTestTokens()
  server = await startProbeServer(
    tokens,
    {
      // Neither listens to its signal.
      async open({ value }, context) {
        watch(context)
        return value === 'slow' ? sleep(400).then(() => ({ value: 'done' })) : never()
      },
      async *count(_, context) {
        watch(context)
        yield { value: 'first' }
        await never()
      },
    },
    { limits: { unaryMs: 100, streamMs: 200 } },
  )
})
afterAll(() => server.close())
beforeEach(() => {
  ;({ promise: aborted, resolve: onAborted } = Promise.withResolvers<unknown>())
})

async function errorOf(call: Promise<unknown>): Promise<ConnectError> {
  return call.then(
    () => expect.unreachable('the call should have failed'),
    (error: unknown) => ConnectError.from(error),
  )
}

describe.each([
  ['Connect', createConnectTransport],
  ['gRPC', createGrpcTransport],
])('over %s', (_, createTransport) => {
  // These clients have no limit of their own.
  const client = () => createClient(ProbeService, createTransport({ baseUrl: server.url, httpVersion: '2' }))
  const headers = async () => ({ authorization: `JWT ${await tokens.mint()}` })

  test('a call without a deadline ends at ours, and the handler is told', async () => {
    const error = await errorOf(client().open({}))
    expect(error.code).toBe(Code.DeadlineExceeded)
    expect(reasonOf(error)).toBe(Reason.DEADLINE_EXCEEDED)
    expect(await aborted).toBeInstanceOf(DomainError)
  })

  test('a stream without a deadline ends at ours, after what it had', async () => {
    const values: string[] = []
    const options = { headers: await headers() }
    const read = async () => {
      for await (const { value } of client().count({}, options)) values.push(value)
    }
    const error = await errorOf(read())
    expect(values).toEqual(['first'])
    expect(reasonOf(error)).toBe(Reason.DEADLINE_EXCEEDED)
    expect(await aborted).toBeInstanceOf(DomainError)
  })

  test('a deadline sooner than ours counts', async () => {
    const error = await errorOf(client().open({}, { timeoutMs: 30 }))
    expect(error.code).toBe(Code.DeadlineExceeded)
    await aborted
  })

  test('a deadline later than ours counts', async () => {
    expect((await client().open({ value: 'slow' }, { timeoutMs: 10_000 })).value).toBe('done')
  })
})

test.each([
  [{}, undefined],
  [{ 'connect-timeout-ms': '1500' }, 1_500],
  [{ 'connect-timeout-ms': 'soon' }, undefined],
  [{ 'grpc-timeout': '2H' }, 7_200_000],
  [{ 'grpc-timeout': '3M' }, 180_000],
  [{ 'grpc-timeout': '4S' }, 4_000],
  [{ 'grpc-timeout': '5m' }, 5],
  [{ 'grpc-timeout': '6000u' }, 6],
  [{ 'grpc-timeout': '1n' }, 1],
  [{ 'grpc-timeout': '123456789S' }, undefined],
  [{ 'grpc-timeout': '5' }, undefined],
])('%j is a limit of %s ms', (headers, limit) => {
  expect(timeoutOf(new Headers(headers as Record<string, string>))).toBe(limit)
})
