import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { type Case, notAllowed, notFound, notProvided } from '../testing/cases.ts'
import { startTestGateway, type TestGateway } from '../testing/gateway.ts'
import { runCases } from '../testing/run-cases.ts'

let gateway: TestGateway
beforeAll(async () => {
  gateway = await startTestGateway()
})
afterAll(() => gateway.close())
beforeEach(() => gateway.reset())

const cases: Case[] = ['/api/internal/cache', '/api/internal/cache/masters-in-cs/'].flatMap((path) => [
  {
    name: `staff flush ${path}`,
    method: 'DELETE',
    path,
    as: 'staff',
    status: 204,
    text: '',
    answers: { allow: 'DELETE, OPTIONS', 'content-type': null },
  },
  { name: `nobody flushes ${path} without a token`, method: 'DELETE', path, status: 401, json: notProvided },
  { name: `GET ${path} by staff is not allowed`, path, as: 'staff', status: 405, json: notAllowed('GET') },
  { name: `OPTIONS ${path} by staff is answered`, method: 'OPTIONS', path, as: 'staff', status: 200 },
  ...['DELETE', 'GET', 'OPTIONS', 'POST', 'PUT'].map((method) => ({
    name: `to anybody else ${method} ${path} is nothing`,
    method,
    path,
    as: 'owner',
    status: 404,
    json: notFound,
  })),
])
describe('the program cache', () => runCases(() => gateway, cases))

test('an unknown program is told apart', async () => {
  const answer = await gateway.send({ method: 'DELETE', path: '/api/internal/cache/nowhere', as: 'staff' })
  expect([answer.status, answer.json]).toEqual([404, { detail: 'No Program matches the given query.' }])
})

test('one program, or all, are forgotten', async () => {
  await gateway.send({ method: 'DELETE', path: '/api/internal/cache', as: 'staff' })
  await gateway.send({ method: 'DELETE', path: '/api/internal/cache/masters-in-cs', as: 'staff' })
  expect(gateway.world.calls).toMatchObject([
    { message: { programKey: '' } },
    { message: { programKey: 'masters-in-cs' } },
  ])
})
