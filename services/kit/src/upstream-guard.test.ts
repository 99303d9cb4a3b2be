import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { Reason } from './errors.ts'
import { createLogger } from './logger.ts'
import { metadataOf, reasonOf } from './rpc-errors.ts'
import { hang, json, startUpstreamServer, type UpstreamServer } from './testing/upstream-server.ts'
import { createUpstream, type Upstream } from './upstream.ts'

let server: UpstreamServer
let upstream: Upstream

beforeEach(async () => {
  server = await startUpstreamServer()
  upstream = createUpstream({
    name: 'LMS',
    baseUrl: server.url,
    credentials: undefined,
    logger: createLogger('test', 'silent'),
    limits: { concurrency: 8 },
  })
})

afterEach(async () => {
  await upstream.close()
  await server.close()
})

/** The program that a call is for is its path here. */
const callFor = (program: string, signal?: AbortSignal) =>
  upstream.call({ operation: 'get_program', method: 'GET', path: `/${program}`, key: program, signal })

const requestsFor = (program: string) => server.requests.filter(({ path }) => path === `/${program}`).length

function answerBy(statuses: Record<string, number>): void {
  server.answer((response, request) => json(statuses[request.path] ?? 200, {})(response, request))
}

const refusalOf = (call: Promise<unknown>) =>
  call.then(
    () => undefined,
    (error: unknown) => ({ reason: reasonOf(error), fault: metadataOf(error).fault }),
  )

describe('a program with trouble', () => {
  test('that hangs takes a quarter of the places, and others are served', async () => {
    server.answer((response, request) => {
      if (request.path !== '/slow') json(200, {})(response, request)
    })
    const abort = new AbortController()
    const hanging = Array.from({ length: 20 }, () => refusalOf(callFor('slow', abort.signal)))
    await expect.poll(() => requestsFor('slow')).toBe(2)
    await Promise.all(Array.from({ length: 50 }, () => callFor('other')))
    expect(requestsFor('slow')).toBe(2)
    abort.abort(new Error('enough'))
    await Promise.all(hanging)
  })

  test('that fails again and again is left alone, and others are served', async () => {
    answerBy({ '/broken': 500 })
    await Promise.all([refusalOf(callFor('broken')), refusalOf(callFor('broken'))])
    const before = requestsFor('broken')
    expect(await refusalOf(callFor('broken'))).toEqual({
      reason: Reason.UPSTREAM_UNAVAILABLE,
      fault: 'left-alone',
    })
    expect(requestsFor('broken')).toBe(before)
    await callFor('other')
  })

  test('that is answered 404 is not', async () => {
    answerBy({ '/wrong': 404 })
    for (let round = 0; round < 15; round++) {
      expect(await refusalOf(callFor('wrong'))).toMatchObject({ fault: 'refused' })
    }
  })
})

test('an upstream that is away is left alone by everybody, and tried again after a while', async () => {
  answerBy({ '/a': 503, '/b': 503 })
  await Promise.all([refusalOf(callFor('a')), refusalOf(callFor('b'))])
  const before = server.requests.length
  answerBy({})
  expect(await refusalOf(callFor('c'))).toEqual({
    reason: Reason.UPSTREAM_UNAVAILABLE,
    fault: 'left-alone',
  })
  expect(server.requests).toHaveLength(before)
  await expect.poll(() => refusalOf(callFor('c')), { timeout: 20_000 }).toBeUndefined()
  expect(await refusalOf(callFor('a'))).toBeUndefined()
})

test('waiting for a place ends with the signal', async () => {
  server.answer(hang)
  const abort = new AbortController()
  const holding = [refusalOf(callFor('a', abort.signal)), refusalOf(callFor('a', abort.signal))]
  await expect.poll(() => requestsFor('a')).toBe(2)
  const patience = new AbortController()
  const waiting = callFor('a', patience.signal)
  patience.abort(new Error('no patience'))
  await expect(waiting).rejects.toThrow('no patience')
  abort.abort(new Error('enough'))
  await Promise.all(holding)
})
