import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { Reason } from './errors.ts'
import { createLogger } from './logger.ts'
import { metadataOf, reasonOf, retryAfterOf } from './rpc-errors.ts'
import {
  type Answering,
  breakOff,
  drop,
  giveToken,
  hang,
  json,
  raw,
  startUpstreamServer,
  type UpstreamServer,
} from './testing/upstream-server.ts'
import { createUpstream, type Upstream, type UpstreamCall, type UpstreamOptions } from './upstream.ts'

let server: UpstreamServer
let logged: string[]
const upstreams: Upstream[] = []

beforeEach(async () => {
  server = await startUpstreamServer()
  logged = []
})

afterEach(async () => {
  await Promise.all(upstreams.splice(0).map((upstream) => upstream.close()))
  await server.close()
})

function connect(options: Partial<UpstreamOptions> = {}): Upstream {
  const upstream = createUpstream({
    name: 'LMS',
    baseUrl: server.url,
    credentials: server.credentials,
    logger: createLogger('test', 'trace', { write: (line) => void logged.push(line) }),
    ...options,
  })
  upstreams.push(upstream)
  return upstream
}

const get: UpstreamCall = { operation: 'list_things', method: 'GET', path: '/api/things/' }
const post: UpstreamCall = { operation: 'add_things', method: 'POST', path: '/api/things/', body: [{ a: 1 }] }

async function failureOf(call: Promise<unknown>) {
  const error: unknown = await call.then(
    () => {
      throw new Error('the call was answered where a failure was expected')
    },
    (caught) => caught,
  )
  return {
    reason: reasonOf(error),
    retryAfter: retryAfterOf(error),
    status: metadataOf(error).status,
    fault: metadataOf(error).fault,
    message: String(error),
  }
}

describe('a call', () => {
  test('goes below the base URL with token, request id and JSON, and its answer is parsed', async () => {
    server.answer(json(200, { fine: true }))
    const upstream = connect({ baseUrl: `${server.url}/lms/` })
    const answer = await upstream.call({ ...post, query: { a: 'b c', d: 'é' }, requestId: 'r-1' })
    expect(answer).toEqual({ status: 200, body: { fine: true } })
    expect(server.requests).toMatchObject([
      {
        method: 'POST',
        path: '/lms/api/things/?a=b+c&d=%C3%A9',
        body: '[{"a":1}]',
        headers: {
          authorization: 'JWT canary-token-1',
          'x-request-id': 'r-1',
          'content-type': 'application/json',
          accept: 'application/json',
        },
      },
    ])
  })

  test('follows an absolute link of the same origin', async () => {
    await connect().call({ ...get, path: `${server.url}/api/things/?cursor=x%3D` })
    expect(server.requests[0]?.path).toBe('/api/things/?cursor=x%3D')
  })

  test('without credentials carries no token', async () => {
    await connect({ credentials: undefined }).call(get)
    expect(server.requests[0]?.headers.authorization).toBeUndefined()
  })

  test('with an empty answer has no body', async () => {
    server.answer(raw(204, ''))
    expect(await connect().call(get)).toEqual({ status: 204, body: undefined })
  })

  test('returns the statuses that it accepts, also without JSON', async () => {
    server.answer(json(422, { a: 'conflict' }), raw(422, '<html>'))
    const upstream = connect()
    const call = { ...post, accept: [422] }
    expect(await upstream.call(call)).toEqual({ status: 422, body: { a: 'conflict' } })
    expect(await upstream.call(call)).toEqual({ status: 422, body: undefined })
  })

  test('is ended by its signal, with the signal’s reason, while it is answered and while it waits', async () => {
    for (const answering of [hang, json(503, {}, { 'retry-after': '4' })]) {
      server.answer(answering)
      const abort = new AbortController()
      const call = connect().call({ ...get, signal: abort.signal })
      const before = server.requests.length
      await expect.poll(() => server.requests.length).toBe(before + 1)
      abort.abort(new Error('enough'))
      await expect(call).rejects.toThrow('enough')
      await expect(connect().call({ ...get, signal: abort.signal })).rejects.toThrow('enough')
      expect(server.requests).toHaveLength(before + 1)
    }
  })
})

describe('a token', () => {
  test('is asked for once, as a form, however many wait, and kept', async () => {
    const upstream = connect()
    await Promise.all(Array.from({ length: 20 }, () => upstream.call(get)))
    await upstream.call(get)
    expect(server.requests).toHaveLength(21)
    expect(server.tokenRequests).toHaveLength(1)
    const [{ body, method, headers } = { body: '', method: '', headers: {} }] = server.tokenRequests
    expect(Object.fromEntries(new URLSearchParams(body))).toEqual({
      grant_type: 'client_credentials',
      client_id: 'client',
      client_secret: 'canary-secret',
      token_type: 'jwt',
    })
    expect(method).toBe('POST')
    expect(headers['content-type']).toMatch(/^application\/x-www-form-urlencoded/)
  })

  test('that ends within five seconds is not used', async () => {
    server.answerTokens(giveToken(5))
    const upstream = connect()
    await upstream.call(get)
    await upstream.call(get)
    expect(server.requests.map(({ headers }) => headers.authorization)).toEqual([
      'JWT canary-token-1',
      'JWT canary-token-2',
    ])
  })

  test.each([
    ['nothing but what is needed', { access_token: 'canary-bare', expires_in: 10 }],
    ['no lifetime', { access_token: 'canary-bare', token_type: 'bearer' }],
    ['its lifetime as text', { access_token: 'canary-bare', expires_in: '3600', token_type: 'JWT' }],
  ])('may come with %s', async (_, body) => {
    server.answerTokens(json(200, body))
    await connect().call(get)
    expect(server.requests[0]?.headers.authorization).toBe('JWT canary-bare')
  })

  test('that is refused is replaced once, for a write too', async () => {
    server.answer(json(401, {}), json(200, {}))
    await connect().call(post)
    expect(server.requests.map(({ headers }) => headers.authorization)).toEqual([
      'JWT canary-token-1',
      'JWT canary-token-2',
    ])
  })

  test('that is refused again is a failure', async () => {
    server.answer(json(401, {}))
    expect(await failureOf(connect().call(get))).toMatchObject({
      reason: Reason.UPSTREAM_FAILED,
      status: '401',
      message: expect.stringContaining('The LMS does not take the credentials of this system.'),
    })
    expect(server.requests).toHaveLength(2)
    expect(server.tokenRequests).toHaveLength(2)
  })

  test('that many find refused at once is asked for once more', async () => {
    const upstream = connect()
    await upstream.call(get)
    server.answer((response, request) => {
      json(request.headers.authorization === 'JWT canary-token-1' ? 401 : 200, {})(response, request)
    })
    await Promise.all(Array.from({ length: 20 }, () => upstream.call(get)))
    expect(server.tokenRequests).toHaveLength(2)
  })

  test('that is not given because of the credentials is a failure at once', async () => {
    server.answerTokens(json(401, { error: 'invalid_client' }))
    expect(await failureOf(connect().call(get))).toMatchObject({
      reason: Reason.UPSTREAM_FAILED,
      fault: 'unauthorized',
    })
    expect(server.tokenRequests).toHaveLength(1)
    expect(server.requests).toHaveLength(0)
  })

  test.each<[string, Answering]>([
    ['a 503', json(503, {})],
    ['a 500', raw(500, '<html>')],
    ['a broken connection', drop],
    ['nonsense', raw(200, '<html>canary')],
    ['an answer without a token', json(200, { hello: 'canary' })],
  ])('is asked for again after %s, for a write too', async (_, answering) => {
    server.answerTokens(answering, giveToken(60))
    await connect().call(post)
    expect(server.tokenRequests).toHaveLength(2)
    expect(server.requests).toHaveLength(1)
  })

  test('and the secret never get into a log or an error', async () => {
    server.answerTokens(json(200, { access_token: 'canary-token', expires_in: 'canary' }), giveToken(60))
    server.answer(json(401, {}), raw(400, 'canary'), raw(200, 'canary'), breakOff)
    const upstream = connect()
    const failures = [await failureOf(upstream.call(get)), await failureOf(upstream.call(get))]
    expect(JSON.stringify([failures, logged])).not.toContain('canary')
  })
})

describe('what may go better is tried again', () => {
  const fleeting: [string, Answering][] = [
    ['503', json(503, {})],
    ['429', json(429, {}, { 'retry-after': '1' })],
    ['429 until a date', json(429, {}, { 'retry-after': new Date(Date.now() + 1_000).toUTCString() })],
    ['500', raw(500, '<html>')],
    ['502', raw(502, '<html>')],
    ['a dropped connection', drop],
    ['a broken answer', breakOff],
    ['an answer that is not JSON', raw(200, '{"results": [')],
  ]

  test.each(fleeting)('a read after %s', async (_, answering) => {
    server.answer(answering, json(200, { fine: true }))
    expect(await connect().call(get)).toEqual({ status: 200, body: { fine: true } })
    expect(server.requests).toHaveLength(2)
  })

  test.each(fleeting.slice(0, 3))(
    'a write after %s, which says that nothing was done',
    async (_, answering) => {
      server.answer(answering, json(200, { fine: true }))
      await connect().call(post)
      expect(server.requests).toHaveLength(2)
    },
  )

  test.each(fleeting.slice(3))('not a write after %s', async (_, answering) => {
    server.answer(answering, json(200, { fine: true }))
    expect((await failureOf(connect().call(post))).reason).not.toBe(Reason.INTERNAL)
    expect(server.requests).toHaveLength(1)
  })

  test.each(fleeting.slice(3))('a write after %s that says it is repeatable', async (_, answering) => {
    server.answer(answering, json(200, { fine: true }))
    await connect().call({ ...post, method: 'PATCH', repeatable: true })
    expect(server.requests).toHaveLength(2)
  })

  test.each([400, 403, 404, 409, 422, 302])('nothing after %i', async (status) => {
    server.answer(json(status, {}))
    expect(await failureOf(connect().call(get))).toMatchObject({
      reason: Reason.UPSTREAM_FAILED,
      status: String(status),
    })
    expect(server.requests).toHaveLength(1)
  })

  test('six times at most, then it is said what was wrong', async () => {
    server.answer(json(503, {}))
    expect(await failureOf(connect().call(get))).toMatchObject({
      reason: Reason.UPSTREAM_UNAVAILABLE,
      status: '503',
      retryAfter: 5,
    })
    expect(server.requests).toHaveLength(6)
  })

  test('not when the upstream asks for more patience than we have', async () => {
    server.answer(json(429, {}, { 'retry-after': '90' }))
    expect(await failureOf(connect().call(get))).toMatchObject({
      reason: Reason.UPSTREAM_UNAVAILABLE,
      status: '429',
      retryAfter: 90,
    })
    expect(server.requests).toHaveLength(1)
  })
})

describe('what fails for good is named', () => {
  test.each<[string, Answering, Reason]>([
    ['500', raw(500, 'x'), Reason.UPSTREAM_FAILED],
    ['a proxy without an upstream', raw(502, 'x'), Reason.UPSTREAM_UNAVAILABLE],
    ['a proxy that waited too long', raw(504, 'x'), Reason.UPSTREAM_TIMEOUT],
    ['a dropped connection', drop, Reason.UPSTREAM_FAILED],
    ['an answer that is not JSON', raw(200, 'x'), Reason.UPSTREAM_FAILED],
  ])('%s', async (_, answering, reason) => {
    server.answer(answering)
    expect((await failureOf(connect().call(post))).reason).toBe(reason)
  })

  test('no answer in time', async () => {
    server.answer(hang)
    const upstream = connect({ limits: { answerMs: 100 } })
    expect((await failureOf(upstream.call(post))).reason).toBe(Reason.UPSTREAM_TIMEOUT)
    expect(server.requests).toHaveLength(1)
  })

  test('an answer that comes too slowly', async () => {
    server.answer((response) => {
      response.writeHead(200)
      const timer = setInterval(() => response.write(' '), 10)
      response.on('close', () => clearInterval(timer))
    })
    const upstream = connect({ limits: { answerMs: 200 } })
    expect((await failureOf(upstream.call(post))).reason).toBe(Reason.UPSTREAM_TIMEOUT)
  })

  test('nobody listens', async () => {
    const other = await startUpstreamServer()
    await other.close()
    const upstream = connect({ baseUrl: other.url })
    expect(await failureOf(upstream.call(post))).toMatchObject({
      reason: Reason.UPSTREAM_UNAVAILABLE,
      fault: 'unreachable',
      retryAfter: 5,
    })
  })

  test('an answer larger than we take, at once', async () => {
    server.answer(json(200, 'x'.repeat(100_000)))
    const upstream = connect({ limits: { maxBytes: 50_000 } })
    expect(await failureOf(upstream.call(get))).toMatchObject({
      reason: Reason.UPSTREAM_FAILED,
      fault: 'oversized',
    })
    expect(server.requests).toHaveLength(1)
  })
})

describe('the token stays with its origin', () => {
  test('redirects to the same origin are followed', async () => {
    server.answer(raw(301, '', { location: '/api/things/1/' }), json(200, { fine: true }))
    expect((await connect().call(get)).body).toEqual({ fine: true })
    expect(server.requests.map(({ path }) => path)).toEqual(['/api/things/', '/api/things/1/'])
    expect(server.requests[1]?.headers.authorization).toBe('JWT canary-token-1')
  })

  test('also of a write, when its method and body are kept', async () => {
    server.answer(raw(308, '', { location: `${server.url}/v2/` }), json(200, {}))
    await connect().call(post)
    expect(server.requests.map(({ method, body }) => [method, body])).toEqual([
      ['POST', '[{"a":1}]'],
      ['POST', '[{"a":1}]'],
    ])
    server.answer(raw(302, '', { location: `${server.url}/v2/` }))
    expect((await failureOf(connect().call(post))).reason).toBe(Reason.UPSTREAM_FAILED)
    expect(server.requests).toHaveLength(3)
  })

  test('nothing is sent to another origin, by redirect or by link', async () => {
    const other = await startUpstreamServer()
    const port = new URL(other.url).port
    const upstream = connect()
    for (const location of [
      `${other.url}/x`,
      `//127.0.0.1:${port}/x`,
      `http://localhost:${port}/`,
      'file:///etc/passwd',
    ]) {
      server.answer(raw(302, '', { location }))
      expect(await failureOf(upstream.call(get))).toMatchObject({
        reason: Reason.UPSTREAM_FAILED,
        fault: 'astray',
      })
    }
    const links = [
      `${other.url}/api/`,
      'https://169.254.169.254/',
      'file:///etc/passwd',
      `${server.url}@127.0.0.1:${port}/`,
    ]
    for (const path of links) {
      expect((await failureOf(upstream.call({ ...get, path }))).fault).toBe('astray')
    }
    expect([...other.requests, ...other.tokenRequests]).toEqual([])
    expect(server.requests).toHaveLength(4)
    await other.close()
  })

  test('a circle is left', async () => {
    server.answer(raw(302, '', { location: '/api/things/' }))
    expect((await failureOf(connect().call(get))).fault).toBe('astray')
    expect(server.requests).toHaveLength(4)
  })
})
