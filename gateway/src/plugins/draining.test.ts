import { once } from 'node:events'
import { Agent, get } from 'node:http'
import { connect } from 'node:net'
import { expect, test } from 'vitest'
import { program } from '../testing/cases.ts'
import { startTestGateway } from '../testing/gateway.ts'

test('closing lets a request in flight end, and does not wait for its connection', async () => {
  const gateway = await startTestGateway()
  let release = () => {}
  gateway.world.hold = new Promise<void>((resolve) => {
    release = resolve
  })
  const answer = gateway.send({ path: program, as: 'owner' })
  await expect.poll(() => gateway.world.calls.length).toBe(1)
  const closing = gateway.closeGateway()
  release()
  expect((await answer).status).toBe(200)
  await closing
  await gateway.closeServices()
}, 8_000)

test('closing does not wait for a connection that was never used', async () => {
  const gateway = await startTestGateway()
  const socket = connect(Number(new URL(gateway.url).port), '127.0.0.1')
  await once(socket, 'connect')
  await gateway.send({ path: '/' })
  await gateway.close()
  socket.destroy()
}, 8_000)

test('a gateway that leaves serves on, says so to who asks for its health, and keeps no connection', async () => {
  const gateway = await startTestGateway()
  expect((await gateway.send({ path: '/health' })).status).toBe(200)
  const agent = new Agent({ keepAlive: true })
  const ask = (path: string) =>
    new Promise<[number | undefined, string | undefined]>((resolve, reject) => {
      get(gateway.url + path, { agent }, (response) => {
        response.resume()
        response.once('end', () => resolve([response.statusCode, response.headers.connection]))
      }).once('error', reject)
    })
  expect(await ask('/')).toEqual([302, 'keep-alive'])
  gateway.leave()
  expect(await ask('/')).toEqual([302, 'close'])
  expect(await ask('/health')).toEqual([503, 'close'])
  await gateway.close()
})
