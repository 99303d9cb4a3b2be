import { beforeAll, describe, expect, test } from 'vitest'
import { openScene, type Scene } from './ask.ts'
import { type Case, notFound, runCases } from './run-cases.ts'

let scene: Scene

beforeAll(async () => {
  scene = await openScene()
})

const health = '{"overall_status":"OK","detailed_status":{"database_status":"OK"}}'
const redirect = (path: string, location: string): Case => ({
  name: `${path} leads to ${location}`,
  path,
  status: 302,
  answers: { location },
})

describe('outside the API', () =>
  runCases(
    () => scene,
    [
      ...['/health', '/health/'].map((path) => ({
        name: `${path} is open and well`,
        path,
        status: 200,
        text: health,
      })),
      {
        name: '/health takes no notice of credentials',
        path: '/health',
        headers: { authorization: 'JWT nonsense' },
        status: 200,
        text: health,
      },
      {
        name: '/health takes no notice of Accept',
        path: '/health',
        headers: { accept: 'text/html' },
        status: 200,
        text: health,
      },
      { name: 'HEAD /health', method: 'HEAD', path: '/health', status: 200, text: '' },
      redirect('/', '/login/'),
      redirect('/login', '/login/'),
      redirect('/api-docs', '/api-docs/'),
      ...[
        '/heartbeat',
        '/auth_status',
        '/logout',
        '/nonexistent',
        '/api/media',
        '/api/media/registrar/uploads/x.json',
        '/.env',
        '/favicon.ico.php',
      ].map((path) => ({ name: `${path} is 404 in JSON`, path, status: 404, json: notFound })),
      ...['POST', 'PUT', 'DELETE', 'PATCH'].flatMap((method): Case[] =>
        ['/health', '/api-docs/', '/csrf/api/v1/token', '/'].map((path) => ({
          name: `${method} ${path} is 404`,
          method,
          path,
          status: 404,
          json: notFound,
        })),
      ),
    ],
  ))

describe('the documentation', () => {
  const get = (path: string, headers = {}) =>
    fetch(scene.world.addresses.gateway + path, { headers, redirect: 'manual' })

  test('is a page, open to anybody', async () => {
    const page = await get('/api-docs/', { accept: 'text/html' })
    expect([page.status, page.headers.get('content-type')]).toEqual([
      200,
      expect.stringMatching(/^text\/html/),
    ])
    expect(await page.text()).toContain('<title>Registrar API - Online Documentation</title>')
  })

  test('loads nothing from elsewhere', async () => {
    const page = await get('/api-docs/')
    expect(page.headers.get('content-security-policy')).toMatch(/^default-src 'none'/)
    const sources = [...(await page.text()).matchAll(/(?:src|href)="([^"]*)"/g)].map(
      ([, source]) => source ?? '',
    )
    expect(sources.filter((source) => /^(https?:)?\/\//.test(source))).toEqual([])
    for (const source of sources.filter((each) => each.startsWith('/')))
      expect((await get(source)).status).toBe(200)
  })

  test('has the OpenAPI document beside it', async () => {
    const document = await get('/api-docs/openapi.json')
    expect([document.status, document.headers.get('content-type')]).toEqual([200, 'application/json'])
    expect(await document.json()).toMatchObject({ openapi: '3.1.0', info: { title: 'Registrar API' } })
    expect((await get('/api-docs/?format=openapi')).status).toBeLessThan(400)
  })
})
