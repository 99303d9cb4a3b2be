import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest'
import { startTestGateway, type TestGateway } from '../testing/gateway.ts'

let gateway: TestGateway
beforeAll(async () => {
  gateway = await startTestGateway()
})
afterAll(() => gateway.close())
beforeEach(() => gateway.reset())

test.each([
  ['/', '/login/'],
  ['/login', '/login/'],
  ['/login/', '/api-docs/'],
  ['/api-docs', '/api-docs/'],
  ['/api-docs/?format=openapi', '/api-docs/openapi.json'],
])('%s leads to %s', async (path, location) => {
  const answer = await gateway.send({ path })
  expect([answer.status, answer.headers.get('location')]).toEqual([302, location])
})

test('health is told to the string, good and bad', async () => {
  await sleep(1_100)
  gateway.world.failures.health = true
  const bad = await gateway.send({ path: '/health' })
  expect([bad.status, bad.text]).toEqual([
    503,
    '{"overall_status":"UNAVAILABLE","detailed_status":{"database_status":"UNAVAILABLE"}}',
  ])
  await sleep(1_100)
  gateway.reset()
  const good = await gateway.send({ path: '/health/' })
  expect([good.status, good.text]).toEqual([
    200,
    '{"overall_status":"OK","detailed_status":{"database_status":"OK"}}',
  ])
})

test('the documentation is a page that loads nothing from elsewhere', async () => {
  const { status, text, headers } = await gateway.send({ path: '/api-docs/' })
  expect(status).toBe(200)
  expect(headers.get('content-type')).toBe('text/html; charset=utf-8')
  expect(text).toContain('<title>Registrar API - Online Documentation</title>')
  expect(text).not.toMatch(/(src|href)="?https?:/)
  expect(headers.get('content-security-policy')).toContain("default-src 'none'")
  const script = await gateway.send({ path: '/api-docs/js/scalar.js' })
  expect([script.status, script.headers.get('content-type')]).toEqual([
    200,
    'application/javascript; charset=utf-8',
  ])
})

type Operation = {
  operationId?: string
  responses: Record<string, { content?: Record<string, { schema: object; examples?: object }> }>
}

test('the OpenAPI document has every route of the API with an example for every status', async () => {
  const { json } = await gateway.send({ path: '/api-docs/openapi.json' })
  const { openapi, paths } = json as { openapi: string; paths: Record<string, Record<string, Operation>> }
  expect(openapi).toBe('3.1.0')
  const operations = Object.entries(paths).flatMap(([path, item]) =>
    Object.entries(item).map(([method, operation]) => ({
      name: `${method.toUpperCase()} ${path}`,
      operation,
    })),
  )
  const names = operations.map(({ name }) => name)
  expect(names).toContain('POST /api/v2/programs/{program_key}/courses/{course_id}/enrollments')
  expect(names.filter((name) => name.includes('/api/v1/'))).toHaveLength(17)
  expect(names.filter((name) => name.includes('/internal/'))).toEqual([])
  for (const { name, operation } of operations) {
    for (const [status, { content }] of Object.entries(operation.responses)) {
      for (const media of Object.values(content ?? {})) {
        expect(JSON.stringify(media), `${name} ${status}`).toContain('"example')
      }
    }
  }
})
