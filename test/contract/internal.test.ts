import { beforeAll, describe, expect, test } from 'vitest'
import type { PartName } from '../fixtures/cast.ts'
import { ask, openScene, type Scene } from './ask.ts'
import { type Case, notAllowed, notFound, notProvided, runCases } from './run-cases.ts'

let scene: Scene

beforeAll(async () => {
  scene = await openScene()
})

const all = '/api/internal/cache'
const one = `${all}/{masters}`
const noProgram = { detail: 'No Program matches the given query.' }
const allow = 'DELETE, OPTIONS'
const methods = ['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS', 'PROPFIND']
const others: PartName[] = ['viewer', 'owner', 'stranger', 'watcher', 'root']

describe.each([all, one, `${all}/`, `${one}/`])('%s', (path) =>
  runCases(
    () => scene,
    [
      ...methods.map((method) => ({
        name: `is 401 for nobody (${method})`,
        method,
        path,
        status: 401,
        json: notProvided,
      })),
      ...others.flatMap((as) =>
        methods.map(
          (method): Case => ({
            name: `is not there for ${as} (${method})`,
            method,
            path,
            as,
            status: 404,
            json: notFound,
          }),
        ),
      ),
      {
        name: 'is flushed by staff',
        method: 'DELETE',
        path,
        as: 'staff',
        status: 204,
        text: '',
        answers: { allow, 'content-type': null },
      },
      { name: 'is flushed again', method: 'DELETE', path, as: 'staff', status: 204, text: '' },
      ...['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'PROPFIND'].map(
        (method): Case => ({
          name: `has no ${method} for staff`,
          method,
          path,
          as: 'staff',
          status: 405,
          json: notAllowed(method),
          answers: { allow },
        }),
      ),
      {
        name: 'has OPTIONS for staff',
        method: 'OPTIONS',
        path,
        as: 'staff',
        status: 200,
        answers: { allow },
      },
    ],
  ),
)

describe('the cache', () =>
  runCases(
    () => scene,
    [
      {
        name: 'of a program that is not there',
        method: 'DELETE',
        path: `${all}/nowhere`,
        as: 'staff',
        status: 404,
        json: noProgram,
      },
      {
        name: 'of a program that is not there is no news to others',
        method: 'DELETE',
        path: `${all}/nowhere`,
        as: 'owner',
        status: 404,
        json: notFound,
      },
      {
        name: 'is found by the exact key',
        method: 'DELETE',
        path: `${all}/{MASTERS}`,
        as: 'staff',
        status: 404,
        json: noProgram,
      },
      ...[
        '/api/internal',
        '/api/internal/',
        '/api/internal/nowhere',
        `${all}/a.b`,
        `${all}/a/b`,
        '/api/v1/cache',
        '/api/v1/internal/cache',
      ].map((path) => ({
        name: `${path} is no path`,
        method: 'DELETE',
        path,
        as: 'staff' as const,
        status: 404,
        json: notFound,
      })),
    ],
  ))

describe('staff', () => {
  const flush = async (claims: Record<string, unknown>) => {
    const token = await scene.world.token(`admin-${scene.school.key}`, claims)
    const { status } = await ask(scene, {
      method: 'DELETE',
      path: all,
      headers: { authorization: `JWT ${token}` },
    })
    return status
  }

  test('are who the LMS last said is an administrator', async () => {
    expect(await flush({})).toBe(404)
    expect(await flush({ administrator: true })).toBe(204)
    expect(await flush({})).toBe(204)
    expect(await flush({ administrator: null })).toBe(204)
    expect(await flush({ administrator: false })).toBe(404)
    expect(await flush({})).toBe(404)
  })

  test('have no permission on programs by that', async () => {
    expect((await ask(scene, { path: '/api/v1/programs/{masters}', as: 'staff' })).status).toBe(403)
  })
})

test('the documentation does not tell of it', async () => {
  expect(
    (await ask(scene, { path: '/api-docs/openapi.json' }).catch((error) => ({ text: String(error) }))).text,
  ).not.toContain('/api/internal')
})
