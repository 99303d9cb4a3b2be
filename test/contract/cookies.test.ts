import { beforeAll, describe, expect, test } from 'vitest'
import { consoleOrigin } from '../fixtures/origins.ts'
import { ask, openScene, type Scene } from './ask.ts'

let scene: Scene
let jwt: string

beforeAll(async () => {
  scene = await openScene()
  jwt = await scene.cast.token('writer')
})

const program = '/api/v1/programs/{masters}'
const notProvided = [401, { detail: 'Authentication credentials were not provided.' }]
const invalid = [401, { detail: 'Invalid token.' }]

const split = (token = jwt) => {
  const at = token.lastIndexOf('.')
  return `edx-jwt-cookie-header-payload=${token.slice(0, at)}; edx-jwt-cookie-signature=${token.slice(at + 1)}`
}
const whole = (token = jwt) => `edx-jwt-cookie=${token}`

async function read(headers: Record<string, string>) {
  const { status, body } = await ask(scene, { path: program, headers })
  return [status, body]
}

/** A write that asks for nothing: 422 when it is served. */
async function write(headers: Record<string, string>, method = 'POST') {
  const { status, body } = await ask(scene, { method, path: `${program}/enrollments`, body: [], headers })
  return [status, body]
}

async function csrfToken(): Promise<string> {
  const { body } = await ask(scene, { path: '/csrf/api/v1/token' })
  return (body as { csrfToken: string }).csrfToken
}

describe('the cookies of the LMS let a caller read', () => {
  test.each<[string, () => string]>([
    ['as header with payload and signature', () => split()],
    ['the other way round', () => split().split('; ').reverse().join('; ')],
    ['as one', () => whole()],
    ['among others', () => `a=b; ${split()}; c="d"`],
  ])('%s', async (_, cookie) => {
    expect((await read({ cookie: cookie() }))[0]).toBe(200)
    expect((await read({ cookie: cookie(), 'use-jwt-cookie': 'true' }))[0]).toBe(200)
  })

  test.each(['HEAD', 'OPTIONS'])('%s too', async (method) => {
    expect((await ask(scene, { method, path: program, headers: { cookie: split() } })).status).toBe(200)
  })

  test('and start a job by that', async () => {
    expect((await ask(scene, { path: `${program}/enrollments`, headers: { cookie: split() } })).status).toBe(
      202,
    )
  })
})

describe('cookies are no credentials', () => {
  test.each<[string, () => string]>([
    ['without the signature', () => split().split('; ')[0] ?? ''],
    ['without header and payload', () => split().split('; ')[1] ?? ''],
    ['of a session', () => 'registrar_sessionid=abc; sessionid=abc'],
    ['that are empty', () => 'edx-jwt-cookie=; edx-jwt-cookie-header-payload=; edx-jwt-cookie-signature='],
    ['that are no cookies', () => ';;=;,'],
  ])('%s', async (_, cookie) => {
    expect(await read({ cookie: cookie() })).toEqual(notProvided)
  })

  test('whose token is bent', async () => {
    expect(await read({ cookie: 'edx-jwt-cookie=a.b.c' })).toEqual(invalid)
    expect(await read({ cookie: split(`${jwt.slice(0, -8)}AAAAAAAA`) })).toEqual(invalid)
    expect(await read({ cookie: split(await scene.world.token('x', { exp: 1 })) })).toEqual(invalid)
  })

  test('of a restricted token', async () => {
    const token = await scene.world.token(scene.cast.username('writer'), { is_restricted: true })
    expect((await read({ cookie: whole(token) }))[0]).toBe(403)
  })

  test('beside a header: that counts', async () => {
    expect(await read({ cookie: whole(), authorization: 'JWT nonsense' })).toEqual(invalid)
    expect((await read({ cookie: 'edx-jwt-cookie=a.b.c', authorization: `JWT ${jwt}` }))[0]).toBe(200)
  })
})

describe('a write by cookies', () => {
  test.each(['POST', 'PATCH'])('is served with the CSRF token of a page that may (%s)', async (method) => {
    const csrf = await csrfToken()
    const proof = { cookie: `${split()}; registrar_csrftoken=${csrf}`, 'x-csrftoken': csrf }
    const { gateway } = scene.world.addresses
    for (const from of [
      { origin: gateway },
      { origin: consoleOrigin },
      { referer: `${gateway}/api-docs/` },
      { referer: `${consoleOrigin}/a?b` },
    ] as Record<string, string>[]) {
      expect(await write({ ...proof, ...from, 'use-jwt-cookie': 'true' }, method)).toEqual([422, {}])
    }
  })

  test('counts as nobody’s without', async () => {
    const csrf = await csrfToken()
    const other = await csrfToken()
    const cookie = `${split()}; registrar_csrftoken=${csrf}`
    const attempts: Record<string, string>[] = [
      { cookie: split() },
      { cookie: whole() },
      { cookie },
      { cookie: split(), 'x-csrftoken': csrf },
      { cookie, 'x-csrftoken': other },
      { cookie, 'x-csrftoken': '' },
      { cookie, 'x-csrftoken': csrf.toUpperCase() },
      { cookie: `${split()}; registrar_csrftoken=`, 'x-csrftoken': '' },
      { cookie: `${split()}; registrar_csrftoken=short`, 'x-csrftoken': 'short' },
      { cookie, 'x-csrftoken': csrf, origin: 'https://evil.example' },
      { cookie, 'x-csrftoken': csrf, origin: 'null' },
      { cookie, 'x-csrftoken': csrf, origin: `${consoleOrigin}.evil.example` },
      { cookie, 'x-csrftoken': csrf, origin: consoleOrigin.replace('https', 'http') },
      { cookie, 'x-csrftoken': csrf, referer: 'https://evil.example/' },
      { cookie, 'x-csrftoken': csrf, referer: 'nonsense' },
    ]
    for (const headers of attempts) expect([headers, await write(headers)]).toEqual([headers, notProvided])
  })

  test('that needs no permission is refused as well', async () => {
    for (const method of ['PUT', 'DELETE', 'QUERY'])
      expect(await write({ cookie: split() }, method)).toEqual(notProvided)
    const upload = {
      method: 'POST',
      path: `${program}/enrollments/upload`,
      body: new FormData(),
      headers: { cookie: split() },
    }
    expect((await ask(scene, upload)).status).toBe(401)
    expect(
      (await ask(scene, { method: 'POST', path: '/api/v1/jobs/ffff/cancel', headers: { cookie: split() } }))
        .status,
    ).toBe(401)
  })

  test('with the token in the header needs no proof', async () => {
    expect(await write({ authorization: `JWT ${jwt}`, cookie: split() })).toEqual([422, {}])
  })
})

describe('the CSRF token', () => {
  test('is 64 characters, kept in a cookie, for anybody', async () => {
    const { status, body, headers } = await ask(scene, { path: '/csrf/api/v1/token' })
    const { csrfToken: token } = body as { csrfToken: string }
    expect([status, Object.keys(body as object)]).toEqual([200, ['csrfToken']])
    expect(token).toMatch(/^[\w-]{64}$/)
    expect(headers.get('set-cookie')).toMatch(
      new RegExp(`^registrar_csrftoken=${token}; .*Path=/.*SameSite=Lax`, 'i'),
    )
    expect(headers.get('cache-control')).toBe('no-store')
    expect(await csrfToken()).not.toBe(token)
  })

  test('stays for a browser that has one, and is renewed where it is none of ours', async () => {
    const token = await csrfToken()
    const again = async (cookie: string) =>
      ((await ask(scene, { path: '/csrf/api/v1/token', headers: { cookie } })).body as { csrfToken: string })
        .csrfToken
    expect(await again(`registrar_csrftoken=${token}`)).toBe(token)
    expect(await again('registrar_csrftoken=short')).toMatch(/^[\w-]{64}$/)
    expect(await again(`registrar_csrftoken=${'<'.repeat(64)}`)).toMatch(/^[\w-]{64}$/)
  })
})
