import type { AddressInfo } from 'node:net'
import { type FastifyInstance, fastify } from 'fastify'
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest'
import { addHangUp } from './hang-up.ts'

let app: FastifyInstance
let url: string
let seen: AbortSignal[] = []
let answer: () => Promise<string>

beforeAll(async () => {
  app = fastify()
  addHangUp(app)
  app.post('/', (request) => {
    seen.push(request.hangUp)
    return answer()
  })
  await app.listen({ host: '127.0.0.1', port: 0 })
  url = `http://127.0.0.1:${(app.server.address() as AddressInfo).port}`
})
afterAll(() => app.close())
beforeEach(() => {
  seen = []
})

const post = (signal?: AbortSignal) => fetch(url, { method: 'POST', body: 'a body that is read', signal })

test('a partner who hangs up before the answer is told to the work, one who has it is not', async () => {
  const { promise, resolve } = Promise.withResolvers<string>()
  answer = () => promise
  const partner = new AbortController()
  const failed = post(partner.signal).catch((error: unknown) => error)
  await expect.poll(() => seen.length, { timeout: 10_000 }).toBe(1)
  expect(seen[0]?.aborted).toBe(false)
  partner.abort()
  await failed
  await expect.poll(() => seen[0]?.aborted, { timeout: 10_000 }).toBe(true)
  resolve('nobody gets this')
})

test('an answer is no hanging up, however the connection goes on', async () => {
  answer = async () => 'answered'
  for (let call = 0; call < 3; call++) await (await post()).text()
  expect(seen.map(({ aborted }) => aborted)).toEqual([false, false, false])
})
