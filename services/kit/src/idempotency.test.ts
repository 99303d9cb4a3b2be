import { create, type DescMethod, fromBinary, toBinary } from '@bufbuild/protobuf'
import { StringValueSchema } from '@bufbuild/protobuf/wkt'
import { createContextValues } from '@connectrpc/connect'
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { EnrollmentService } from '#proto/registrar/enrollment/v1/enrollment_service_pb.ts'
import { principalKey } from './call-context.ts'
import { DomainError, Reason } from './errors.ts'
import {
  type AnswerStore,
  isIdempotencyKey,
  type KeyedRequest,
  keyedRequestOf,
  rememberAnswers,
} from './idempotency.ts'
import { createLogger } from './logger.ts'
import type { Principal } from './principal.ts'
import { createRpcClient } from './rpc-client.ts'
import { reasonOf, retryAfterOf } from './rpc-errors.ts'
import type { RpcServer } from './rpc-server.ts'
import { startProbeServer } from './testing/probe-server.ts'
import { ProbeService } from './testing/probe-service.ts'
import { createTestTokens, type TestTokens } from './testing/tokens.ts'

describe('a key', () => {
  test.each(['a', ' ', '~', '"8e03978e-40d5-43dd-bc93-6894a57f9324"', 'x'.repeat(255)])(
    'can be %j',
    (key) => {
      expect(isIdempotencyKey(key)).toBe(true)
    },
  )
  test.each(['', 'x'.repeat(256), 'é', 'a\tb', 'a\n', '\x7f', '\0'])('cannot be %j', (key) => {
    expect(isIdempotencyKey(key)).toBe(false)
  })
})

describe('two requests are the same', () => {
  const { input } = EnrollmentService.method.writeProgramEnrollments
  const user: Principal = { kind: 'user', username: 'partner', restricted: false, token: 't' }
  type Enrollment = { studentKey: string; status?: string; courseStaff?: boolean; additionalFields?: object }
  function keyed(enrollments: Enrollment[], { principal = user, key = 'k' } = {}): KeyedRequest {
    const request = create(input, { programKey: 'p', mode: 1, enrollments: enrollments as never })
    // As it comes from the wire.
    return keyedRequestOf(
      fromBinary(input, toBinary(input, request)),
      contextOf(principal, EnrollmentService.method.writeProgramEnrollments, key),
    ) as KeyedRequest
  }
  function contextOf(principal: Principal, method: DescMethod, key: string) {
    const values = createContextValues().set(principalKey, principal)
    return { method, requestHeader: new Headers({ 'idempotency-key': key }), values }
  }
  const print = (enrollments: Enrollment[]) => keyed(enrollments).fingerprint.toString('hex')

  test('whatever the order of the fields that are passed on', () => {
    const one = { b: 1, a: { y: [{ d: null, c: 'x' }], x: true } }
    const other = { a: { x: true, y: [{ c: 'x', d: null }] }, b: 1 }
    expect(print([{ studentKey: 's', additionalFields: other }])).toBe(
      print([{ studentKey: 's', additionalFields: one }]),
    )
  })

  test('and differ by anything else', () => {
    const prints = [
      [{ studentKey: 's' }],
      [{ studentKey: 's', status: 'x' }],
      [{ studentKey: 's', courseStaff: false }],
      [{ studentKey: 's', courseStaff: true }],
      [{ studentKey: 's', additionalFields: {} }],
      [{ studentKey: 's', additionalFields: { a: 1 } }],
      [{ studentKey: 's', additionalFields: { a: '1' } }],
      [{ studentKey: 's', additionalFields: { a: [1, 2] } }],
      [{ studentKey: 's', additionalFields: { a: [2, 1] } }],
      [{ studentKey: 's', additionalFields: { a: Number.NaN } }],
      [{ studentKey: 's' }, { studentKey: 't' }],
      [{ studentKey: 't' }, { studentKey: 's' }],
    ].map(print)
    expect(new Set(prints).size).toBe(prints.length)
  })

  test('to one method, by one caller', () => {
    const worker: Principal = { kind: 'service', service: 'jobs-worker', token: 't' }
    expect(keyed([], { key: ' k-1 ' })).toMatchObject({
      ...{ callerKind: 'user', caller: 'partner', key: 'k-1' },
      method: 'registrar.enrollment.v1.EnrollmentService/WriteProgramEnrollments',
    })
    expect(keyed([], { principal: worker })).toMatchObject({ callerKind: 'service', caller: 'jobs-worker' })
    const { change, share } = ProbeService.method
    const [one, other] = [change, share].map((method) =>
      keyedRequestOf(create(StringValueSchema), contextOf(user, method, 'k')),
    )
    expect(one?.method).not.toBe(other?.method)
    expect(one?.fingerprint).not.toEqual(other?.fingerprint)
  })
})

describe('a handler that remembers its answers', () => {
  let tokens: TestTokens
  let server: RpcServer
  let client: ReturnType<typeof createRpcClient<typeof ProbeService>>
  let store: MemoryStore
  /** How often the work was done. */
  let worked: number
  let work: (text: string) => Promise<string>

  const logger = createLogger('probe', 'silent')
  const forwarding: AnswerStore = {
    claim: (...given) => store.claim(...given),
    renew: (...given) => store.renew(...given),
    keep: (...given) => store.keep(...given),
    release: (...given) => store.release(...given),
  }

  beforeAll(async () => {
    tokens = await createTestTokens()
    const options = { store: forwarding, schema: StringValueSchema, logger }
    const remember = rememberAnswers(options, { waitMs: 3_000, renewMs: 20, releaseAgainMs: 20 })
    server = await startProbeServer(tokens, {
      change: (request, context) =>
        remember(request, context, async () => {
          worked++
          return { value: await work(request.value) }
        }),
    })
    client = createRpcClient(ProbeService, server.url, { token: () => tokens.mint() })
  })
  afterAll(() => server.close())
  beforeEach(() => {
    store = createMemoryStore()
    worked = 0
    work = async (text) => `${text} ${worked}`
  })

  async function ask(value: string, key?: string) {
    let replayed: string | null = null
    const answer = await client.change(
      { value },
      {
        ...(key !== undefined && { headers: { 'idempotency-key': key } }),
        onHeader: (headers) => {
          replayed = headers.get('idempotency-replayed')
        },
      },
    )
    return [answer.value, replayed]
  }
  const refusal = (call: Promise<unknown>) =>
    call.then(
      () => undefined,
      (error: unknown) => error,
    )

  test('works each time for calls without a key', async () => {
    expect([await ask('a'), await ask('a')]).toEqual([
      ['a 1', null],
      ['a 2', null],
    ])
    expect(store.entries.size).toBe(0)
  })

  test('works once for a key, and says when it did not', async () => {
    expect([await ask('a', 'k'), await ask('a', 'k'), await ask('a', 'l')]).toEqual([
      ['a 1', null],
      ['a 1', 'true'],
      ['a 2', null],
    ])
  })

  test('works once for calls at the same instant: the others wait for the answer', async () => {
    const { promise, resolve } = Promise.withResolvers<void>()
    work = async (text) => promise.then(() => text)
    const calls = Array.from({ length: 20 }, () => ask('a', 'k'))
    await expect.poll(() => store.claims, { timeout: 3_000 }).toBeGreaterThan(40)
    resolve()
    expect((await Promise.all(calls)).map(([value]) => value)).toEqual(Array(20).fill('a'))
    expect(worked).toBe(1)
  })

  test('does not let a call wait for long: it is to come back', async () => {
    const { promise, resolve } = Promise.withResolvers<void>()
    work = async (text) => promise.then(() => text)
    const first = ask('a', 'k')
    await expect.poll(() => worked, { timeout: 10_000 }).toBe(1)
    const error = await refusal(ask('a', 'k'))
    expect([reasonOf(error), retryAfterOf(error)]).toEqual([Reason.IDEMPOTENCY_KEY_IN_USE, 1])
    resolve()
    await first
    expect(await ask('a', 'k')).toEqual(['a', 'true'])
  })

  test('refuses another request with the key, also while the first is worked on', async () => {
    const { promise, resolve } = Promise.withResolvers<void>()
    work = async (text) => promise.then(() => text)
    const first = ask('a', 'k')
    await expect.poll(() => worked, { timeout: 10_000 }).toBe(1)
    expect(reasonOf(await refusal(ask('b', 'k')))).toBe(Reason.IDEMPOTENCY_KEY_REUSED)
    resolve()
    await first
    expect(reasonOf(await refusal(ask('b', 'k')))).toBe(Reason.IDEMPOTENCY_KEY_REUSED)
    expect(worked).toBe(1)
  })

  test.each([
    ['a refusal', new DomainError(Reason.COURSE_STAFF_DISABLED, 'no'), Reason.COURSE_STAFF_DISABLED],
    ['a fault', new Error('oh'), Reason.INTERNAL],
  ])('forgets %s, so that even another request may take the key', async (_, error, reason) => {
    work = () => Promise.reject(error)
    expect(reasonOf(await refusal(ask('a', 'k')))).toBe(reason)
    work = async (text) => text
    expect(await ask('b', 'k')).toEqual(['b', null])
  })

  test('says that its work goes on', async () => {
    const { promise, resolve } = Promise.withResolvers<void>()
    work = async (text) => promise.then(() => text)
    const call = ask('a', 'k')
    await expect.poll(() => store.renewals).toBeGreaterThan(2)
    resolve()
    await call
    const renewed = store.renewals
    await ask('b', 'l')
    expect(store.renewals).toBe(renewed)
  })

  test('tells what came of the work though its answer cannot be kept, and why it failed though the claim cannot be released', async () => {
    store.keep = () => Promise.reject(new Error('away'))
    store.release = () => Promise.reject(new Error('away'))
    expect(await ask('a', 'k')).toEqual(['a 1', null])
    work = () => Promise.reject(new DomainError(Reason.TOO_LARGE, 'no'))
    expect(reasonOf(await refusal(ask('a', 'l')))).toBe(Reason.TOO_LARGE)
  })

  test('frees the key as soon as it can when the store was away as the work failed, or as it was claimed', async () => {
    const { claim, release } = store
    store.release = () => Promise.reject(new Error('away'))
    work = () => Promise.reject(new DomainError(Reason.UNAVAILABLE, 'away'))
    expect(reasonOf(await refusal(ask('a', 'k')))).toBe(Reason.UNAVAILABLE)
    store.claim = async (...given) => {
      await claim(...given)
      throw new DomainError(Reason.UNAVAILABLE, 'its answer was lost')
    }
    expect(reasonOf(await refusal(ask('a', 'l')))).toBe(Reason.UNAVAILABLE)
    expect([...store.entries.keys()]).toEqual(['k', 'l'])
    store.release = release
    await expect.poll(() => store.entries.size, { timeout: 10_000 }).toBe(0)
  })

  test('does no work while it cannot know whether it is done', async () => {
    store.claim = () => Promise.reject(new DomainError(Reason.UNAVAILABLE, 'away'))
    expect(reasonOf(await refusal(ask('a', 'k')))).toBe(Reason.UNAVAILABLE)
    expect(reasonOf(await refusal(ask('a', 'x'.repeat(256))))).toBe(Reason.INVALID_ARGUMENT)
    expect(worked).toBe(0)
  })
})

type MemoryStore = AnswerStore & {
  entries: Map<string, { fingerprint: Buffer; claim: string; answer?: Uint8Array }>
  claims: number
  renewals: number
}

function createMemoryStore(): MemoryStore {
  const entries: MemoryStore['entries'] = new Map()
  const byClaim = (claim: string) => [...entries].find(([, entry]) => entry.claim === claim)
  const store: MemoryStore = {
    entries,
    claims: 0,
    renewals: 0,
    async claim({ key, fingerprint }, claim) {
      store.claims++
      const entry = entries.get(key)
      if (entry === undefined) {
        entries.set(key, { fingerprint, claim })
        return { state: 'claimed' }
      }
      if (!entry.fingerprint.equals(fingerprint)) return { state: 'other-request' }
      return entry.answer === undefined ? { state: 'in-use' } : { state: 'answered', answer: entry.answer }
    },
    async renew() {
      store.renewals++
    },
    async keep(claim, answer) {
      const entry = byClaim(claim)?.[1]
      if (entry !== undefined) entry.answer = answer
    },
    async release(claim) {
      entries.delete(byClaim(claim)?.[0] ?? '')
    },
  }
  return store
}
