import { beforeAll, describe, expect, test } from 'vitest'
import { consoleOrigin as origin } from '../fixtures/origins.ts'
import { ask, openScene, type Scene } from './ask.ts'

let scene: Scene

beforeAll(async () => {
  scene = await openScene()
})

const program = '/api/v1/programs/{masters}'
const paths = [
  '/api/v1/programs',
  program,
  `${program}/enrollments`,
  `${program}/enrollments/upload`,
  '/api/v2/jobs',
  '/api/v3/programs',
]
const evil = [
  'https://evil.example',
  `${origin}.evil.example`,
  origin.replace('https', 'http'),
  `${origin}:8443`,
  origin.toUpperCase(),
  'null',
]

const corsOf = (headers: Headers) =>
  Object.fromEntries([...headers].filter(([name]) => name.startsWith('access-control-')))
const list = (value: string | undefined) => value?.toLowerCase().split(/, */) ?? []

async function preflight(
  path: string,
  from: string,
  method = 'PATCH',
  wanted = 'authorization, content-type, use-jwt-cookie, x-csrftoken',
) {
  const headers = {
    origin: from,
    'access-control-request-method': method,
    'access-control-request-headers': wanted,
  }
  const { gateway } = scene.world.addresses
  const response = await fetch(gateway + path.replace('{masters}', scene.school.masters.key), {
    method: 'OPTIONS',
    headers,
  })
  return {
    status: response.status,
    text: await response.text(),
    cors: corsOf(response.headers),
    headers: response.headers,
  }
}

describe('a page of the listed origin', () => {
  test.each(paths)('may ask before it calls %s, without a login', async (path) => {
    for (const method of ['GET', 'POST', 'PATCH']) {
      const { status, text, cors } = await preflight(path, origin, method)
      expect([status, text]).toEqual([200, ''])
      expect(cors).toMatchObject({
        'access-control-allow-origin': origin,
        'access-control-allow-credentials': 'true',
      })
      expect(list(cors['access-control-allow-methods'])).toEqual(
        expect.arrayContaining(['get', 'post', 'patch']),
      )
      expect(list(cors['access-control-allow-headers'])).toEqual(
        expect.arrayContaining([
          'authorization',
          'content-type',
          'use-jwt-cookie',
          'x-csrftoken',
          'x-request-id',
        ]),
      )
    }
  })

  test('may read answers, errors too, and the headers that matter', async () => {
    for (const request of [
      { path: program, as: 'viewer' as const },
      { path: program },
      { path: '/api/v1/nowhere' },
      { path: '/csrf/api/v1/token' },
    ]) {
      const { headers } = await ask(scene, { ...request, headers: { origin } })
      expect(corsOf(headers)).toMatchObject({
        'access-control-allow-origin': origin,
        'access-control-allow-credentials': 'true',
      })
      expect(list(headers.get('access-control-expose-headers') ?? undefined)).toEqual(
        expect.arrayContaining(['etag', 'location', 'retry-after', 'x-request-id']),
      )
      expect(headers.get('vary')).toBe('Accept, Accept-Language, origin')
    }
  })

  test('may do with its user’s cookies what its user may', async () => {
    const jwt = await scene.cast.token('writer')
    const { body } = await ask(scene, { path: '/csrf/api/v1/token', headers: { origin } })
    const { csrfToken } = body as { csrfToken: string }
    const { status } = await ask(scene, {
      method: 'POST',
      path: `${program}/enrollments`,
      body: [{ student_key: 'from-the-console', status: 'enrolled' }],
      headers: {
        origin,
        cookie: `edx-jwt-cookie=${jwt}; registrar_csrftoken=${csrfToken}`,
        'x-csrftoken': csrfToken,
        'use-jwt-cookie': 'true',
      },
    })
    expect(status).toBe(200)
  })
})

describe('a page of another origin', () => {
  test.each(evil)('(%s) may nothing', async (from) => {
    const { status, text, cors } = await preflight(program, from)
    expect([status, text, cors]).toEqual([200, '', {}])
    const answer = await ask(scene, { path: program, as: 'viewer', headers: { origin: from } })
    expect([answer.status, corsOf(answer.headers)]).toEqual([200, {}])
  })
})

describe('what is no preflight', () => {
  test('wants a login', async () => {
    const attempts: Record<string, string>[] = [{}, { origin }, { 'access-control-request-method': 'PATCH' }]
    for (const headers of attempts) {
      expect((await ask(scene, { method: 'OPTIONS', path: program, headers })).status).toBe(401)
    }
  })

  test('a request without an origin hears nothing of origins', async () => {
    const { headers } = await ask(scene, { path: program, as: 'viewer' })
    expect(corsOf(headers)).toEqual({})
  })
})
