import { createHash } from 'node:crypto'
import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest'
import { notFound } from '../testing/cases.ts'
import { startTestGateway, type TestGateway } from '../testing/gateway.ts'

let gateway: TestGateway
beforeAll(async () => {
  gateway = await startTestGateway()
})
afterAll(() => gateway.close())
beforeEach(() => gateway.reset())

const path = '/api/media/registrar/job-results/a.csv?expires=1700000000&signature=right'
const info = (size: number, fileName = 'a.csv') => ({
  contentType: 'text/csv; charset=utf-8',
  size: BigInt(size),
  fileName,
})

test('an object is sent whole, to be saved under its name, without a login', async () => {
  const parts = Array.from({ length: 40 }, (_, at) => Buffer.alloc(100_000, at))
  gateway.world.object = async function* () {
    yield { info: info(4_000_000) }
    for (const data of parts) yield { data }
  }
  const response = await fetch(gateway.url + path)
  expect(response.status).toBe(200)
  expect(Object.fromEntries(response.headers)).toMatchObject({
    'content-type': 'text/csv; charset=utf-8',
    'content-length': '4000000',
    'content-disposition': 'attachment; filename="a.csv"',
    'cache-control': 'private, no-store',
    'x-content-type-options': 'nosniff',
  })
  const digest = (bytes: Uint8Array) => createHash('sha256').update(bytes).digest('hex')
  expect(digest(new Uint8Array(await response.arrayBuffer()))).toBe(digest(Buffer.concat(parts)))
  expect(gateway.world.calls).toMatchObject([
    {
      message: {
        bucket: 'registrar',
        key: 'job-results/a.csv',
        expireTime: { seconds: 1_700_000_000n },
        signature: 'right',
      },
    },
  ])
})

test('bytes that come with the description are sent too, and an odd name is told safely', async () => {
  gateway.world.object = async function* () {
    yield { info: info(3, 'ä"\r\n.csv'), data: Buffer.from('abc') }
  }
  const answer = await gateway.send({ path })
  expect(answer.text).toBe('abc')
  expect(answer.headers.get('content-disposition')).toBe(
    'attachment; filename="____.csv"; filename*=UTF-8\'\'%C3%A4%22%0D%0A.csv',
  )
})

test('HEAD tells about the object and reads none of it', async () => {
  let isRead = false
  let isLeft = false
  gateway.world.object = async function* (signal) {
    yield { info: info(5) }
    await sleep(5_000, undefined, { signal }).catch(() => {
      isLeft = true
    })
    isRead = !signal.aborted
  }
  const answer = await gateway.send({ method: 'HEAD', path })
  expect([answer.status, answer.headers.get('content-length'), answer.text]).toEqual([200, '5', ''])
  await expect.poll(() => isLeft).toBe(true)
  expect(isRead).toBe(false)
})

test.each([
  path.replace('right', 'wrong'),
  path.replace('&signature=right', ''),
  path.replace('expires=1700000000', 'expires=soon'),
  path.replace('expires=1700000000&', ''),
  '/api/media/registrar?expires=1&signature=right',
  '/api/media/registrar/?expires=1&signature=right',
  '/api/media/?expires=1&signature=right',
  '/api/media',
])('%s is 404 in JSON', async (url) => {
  const answer = await gateway.send({ path: url })
  expect([answer.status, answer.json]).toEqual([404, notFound])
})

test('a client that leaves stops the reading', async () => {
  let sent = 0
  let isOver = false
  gateway.world.object = async function* () {
    try {
      yield { info: info(1_000_000_000) }
      for (; sent < 1_000; sent++) yield { data: Buffer.alloc(1_000_000) }
    } finally {
      isOver = true
    }
  }
  const leave = new AbortController()
  const response = await fetch(gateway.url + path, { signal: leave.signal })
  const reader = response.body?.getReader()
  await reader?.read()
  leave.abort()
  await reader?.closed.catch(() => {})
  await expect.poll(() => isOver, { timeout: 5_000 }).toBe(true)
  expect(sent).toBeLessThan(1_000)
})

test('a client that does not read holds the reading up', async () => {
  let sent = 0
  gateway.world.object = async function* () {
    yield { info: info(1_000_000_000) }
    for (; sent < 1_000; sent++) yield { data: Buffer.alloc(1_000_000) }
  }
  const leave = new AbortController()
  const response = await fetch(gateway.url + path, { signal: leave.signal })
  await expect
    .poll(
      async () => {
        const before = sent
        await sleep(300)
        return sent === before && sent > 0
      },
      { timeout: 10_000 },
    )
    .toBe(true)
  expect(sent).toBeLessThan(100)
  leave.abort()
  await response.body?.cancel().catch(() => {})
})

test('an object that breaks off does not look whole', async () => {
  gateway.world.object = async function* () {
    yield { info: info(1_000_000) }
    yield { data: Buffer.alloc(1_000) }
    throw new Error('disk')
  }
  const response = await fetch(gateway.url + path)
  await expect(response.arrayBuffer()).rejects.toThrow()
})
