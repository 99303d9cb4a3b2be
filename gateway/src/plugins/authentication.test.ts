import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { program } from '../testing/cases.ts'
import { startTestGateway, type TestGateway } from '../testing/gateway.ts'

let gateway: TestGateway
beforeAll(async () => {
  gateway = await startTestGateway()
})
afterAll(() => gateway.close())
beforeEach(() => gateway.reset())

const notProvided = 'Authentication credentials were not provided.'
const path = '/api/v1/programs'
const mint = (claims = {}) => gateway.tokens.mint({ preferred_username: 'owner', ...claims })

describe('the Authorization header', () => {
  test.each(['JWT', 'jwt', 'Jwt'])('%s is a scheme', async (scheme) => {
    const answer = await gateway.send({ path, headers: { authorization: `${scheme} ${await mint()}` } })
    expect(answer.status).toBe(200)
  })

  test.each<[string, (token: string) => string | undefined]>([
    ['none', () => undefined],
    ['Bearer', (token) => `Bearer ${token}`],
    ['Basic', () => 'Basic dXNlcjpwYXNz'],
    ['JWT without a token', () => 'JWT'],
    ['JWT with two tokens', (token) => `JWT ${token} ${token}`],
    ['a token without a scheme', (token) => token],
  ])('%s is no credentials', async (_, header) => {
    const authorization = header(await mint())
    const answer = await gateway.send({ path, headers: authorization === undefined ? {} : { authorization } })
    expect([answer.status, answer.json]).toEqual([401, { detail: notProvided }])
    expect(answer.headers.get('www-authenticate')).toBe('JWT realm="api"')
  })

  const now = () => Math.floor(Date.now() / 1000)
  test.each<[string, () => Promise<string>]>([
    ['garbage', async () => 'garbage'],
    ['an expired token', () => mint({ exp: now() - 60 })],
    ['another issuer', () => mint({ iss: 'other' })],
    ['another audience', () => mint({ aud: 'other' })],
    ['a token from the future', () => mint({ iat: now() + 600 })],
    ['a token of one of our processes', () => gateway.tokens.mintService('operator')],
    ['a bent signature', async () => `${(await mint()).slice(0, -10)}AAAAAAAAAA`],
  ])('%s is refused', async (_, token) => {
    const answer = await gateway.send({ path, headers: { authorization: `JWT ${await token()}` } })
    expect([answer.status, answer.json]).toEqual([401, { detail: 'Invalid token.' }])
    expect(gateway.world.calls).toEqual([])
  })

  test('a token without a username is refused in its own words', async () => {
    const authorization = `JWT ${await mint({ preferred_username: undefined })}`
    const answer = await gateway.send({ path, headers: { authorization } })
    expect([answer.status, answer.json]).toEqual([
      401,
      { detail: 'JWT must include a preferred_username or username claim!' },
    ])
  })

  test('a restricted token is refused on every view', async () => {
    const authorization = `JWT ${await mint({ is_restricted: true })}`
    for (const each of [path, program, '/api/v1/jobs', '/api/v3/programs', '/api/internal/cache']) {
      expect((await gateway.send({ path: each, headers: { authorization } })).status).toBe(403)
    }
    expect(gateway.world.calls).toEqual([])
  })

  test('an inactive user is refused', async () => {
    const answer = await gateway.send({ path, as: 'locked' })
    expect([answer.status, answer.json]).toEqual([401, { detail: 'User inactive or deleted.' }])
    expect(answer.headers.get('www-authenticate')).toBe('JWT realm="api"')
  })
})

describe('the cookies of the LMS', () => {
  const split = (token: string) => {
    const at = token.lastIndexOf('.')
    return `edx-jwt-cookie-header-payload=${token.slice(0, at)}; edx-jwt-cookie-signature=${token.slice(at + 1)}`
  }

  test('both halves, or the whole, let a caller read', async () => {
    const token = await mint()
    for (const cookie of [split(token), `edx-jwt-cookie=${token}`, `x=y; ${split(token)}`]) {
      expect((await gateway.send({ path, headers: { cookie } })).status).toBe(200)
    }
  })

  test.each(['edx-jwt-cookie-header-payload=a.b', 'edx-jwt-cookie-signature=c', 'sessionid=x'])(
    '%s is no credentials',
    async (cookie) => {
      const answer = await gateway.send({ path, headers: { cookie } })
      expect([answer.status, answer.json]).toEqual([401, { detail: notProvided }])
    },
  )

  test('a bent token in a cookie is refused', async () => {
    const answer = await gateway.send({ path, headers: { cookie: 'edx-jwt-cookie=a.b.c' } })
    expect([answer.status, answer.json]).toEqual([401, { detail: 'Invalid token.' }])
  })

  test('the header goes before the cookies', async () => {
    const headers = { cookie: `edx-jwt-cookie=${await mint()}`, authorization: 'JWT bent' }
    expect((await gateway.send({ path, headers })).status).toBe(401)
  })

  const write = async (headers: Record<string, string>) => {
    const { status, json } = await gateway.send({
      method: 'POST',
      path: `${program}/enrollments`,
      body: [],
      headers: { ...headers, 'content-type': 'application/json' },
    })
    return { status, json }
  }
  const csrf = async () => {
    const answer = await gateway.send({ path: '/csrf/api/v1/token' })
    const { csrfToken } = answer.json as { csrfToken: string }
    expect(csrfToken).toMatch(/^[\w-]{64}$/)
    expect(answer.headers.get('set-cookie')).toContain(`registrar_csrftoken=${csrfToken}`)
    return csrfToken
  }

  test('a write with cookies and the CSRF token of our page is served', async () => {
    const token = await csrf()
    const cookie = `${split(await mint())}; registrar_csrftoken=${token}`
    for (const from of [
      { origin: 'http://registrar.test' },
      { origin: 'https://console.test' },
      { referer: 'https://console.test/page' },
      {},
    ] as Record<string, string>[]) {
      expect((await write({ cookie, 'x-csrftoken': token, ...from })).status).toBe(422)
    }
  })

  test('a write with cookies and without proof counts as not authenticated', async () => {
    const token = await csrf()
    const jwt = split(await mint())
    const cookie = `${jwt}; registrar_csrftoken=${token}`
    const refused = { status: 401, json: { detail: notProvided } }
    expect(await write({ cookie: jwt })).toEqual(refused)
    expect(await write({ cookie })).toEqual(refused)
    expect(await write({ cookie: jwt, 'x-csrftoken': token })).toEqual(refused)
    expect(await write({ cookie, 'x-csrftoken': 'x'.repeat(64) })).toEqual(refused)
    expect(await write({ cookie: `${jwt}; registrar_csrftoken=short`, 'x-csrftoken': 'short' })).toEqual(
      refused,
    )
    expect(await write({ cookie, 'x-csrftoken': token, origin: 'https://evil.test' })).toEqual(refused)
    expect(await write({ cookie, 'x-csrftoken': token, origin: 'null' })).toEqual(refused)
    expect(await write({ cookie, 'x-csrftoken': token, referer: 'https://evil.test/x' })).toEqual(refused)
    expect(await write({ cookie, 'x-csrftoken': token, referer: 'nonsense' })).toEqual(refused)
  })

  test('the token in the header needs no CSRF token', async () => {
    expect((await write({ authorization: `JWT ${await mint()}` })).status).toBe(422)
  })

  test('the CSRF token stays the same for a browser that has one', async () => {
    const token = await csrf()
    const { json } = await gateway.send({
      path: '/csrf/api/v1/token',
      headers: { cookie: `registrar_csrftoken=${token}` },
    })
    expect(json).toEqual({ csrfToken: token })
  })
})
