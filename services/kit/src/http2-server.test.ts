import { once } from 'node:events'
import { type ClientHttp2Session, connect } from 'node:http2'
import type { AddressInfo } from 'node:net'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { type BoundedHttp2Server, createBoundedHttp2Server } from './http2-server.ts'

let bounded: BoundedHttp2Server
let session: ClientHttp2Session

beforeEach(async () => {
  bounded = createBoundedHttp2Server((request, response) => {
    request.resume().on('end', () => response.end('done'))
    request.on('error', () => {})
  }, 100)
  bounded.server.listen(0, '127.0.0.1')
  await once(bounded.server, 'listening')
  session = connectTo(bounded)
})
afterEach(async () => {
  session.destroy()
  bounded.destroySessions()
  await new Promise((resolve) => bounded.server.close(resolve))
})

function connectTo({ server }: BoundedHttp2Server): ClientHttp2Session {
  const client = connect(`http://127.0.0.1:${(server.address() as AddressInfo).port}`)
  client.on('error', () => {})
  return client
}

async function outcomeOf(headers: Record<string, string>, body?: string): Promise<string> {
  const stream = session.request({ ':method': 'POST', ':path': '/', ...headers })
  const answered = new Promise<string>((resolve) => {
    stream.on('response', () => resolve('answered'))
    stream.on('error', () => resolve('ended'))
    stream.on('close', () => resolve('ended'))
  })
  stream.resume()
  if (body !== undefined) stream.end(body)
  return answered
}

test('a request that never arrives whole is ended', async () => {
  expect(await outcomeOf({})).toBe('ended')
  expect(await outcomeOf({}, 'whole')).toBe('answered')
})

test('who has been answered and sends on is not listened to', async () => {
  const hasty = createBoundedHttp2Server((_, response) => response.end('no'), 60_000)
  hasty.server.listen(0, '127.0.0.1')
  await once(hasty.server, 'listening')
  const client = connectTo(hasty)
  const stream = client.request({ ':method': 'POST', ':path': '/' })
  stream.write('the first of many')
  stream.resume()
  await once(stream, 'end')
  expect(stream.writableEnded).toBe(false)
  await once(stream, 'close')
  expect(stream.rstCode).toBe(0)
  client.destroy()
  hasty.server.close()
})

test('a flood of headers is refused, and the next request is served', async () => {
  const flood = Object.fromEntries(Array.from({ length: 200 }, (_, index) => [`x-${index}`, 'x']))
  expect(await outcomeOf(flood, '')).toBe('ended')
  session.destroy()
  session = connectTo(bounded)
  expect(await outcomeOf({}, '')).toBe('answered')
})

test('a client asks within the limits that it is told', async () => {
  await once(session, 'remoteSettings')
  expect(session.remoteSettings).toMatchObject({ maxConcurrentStreams: 1_000, maxHeaderListSize: 32_768 })
})

test('connections can be ended at once', async () => {
  expect(await outcomeOf({}, '')).toBe('answered')
  const closed = once(session, 'close')
  bounded.destroySessions()
  await closed
})
