import { once } from 'node:events'
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { afterEach, expect, test } from 'vitest'
import { findFreePorts } from '#stack/ports.ts'
import { type Balancer, startBalancer } from './balancer.ts'

const open: (Balancer | Server)[] = []

afterEach(async () => {
  for (const each of open.splice(0)) await each.close()
})

async function startServer(name: string): Promise<number> {
  const server = createServer((_, response) => response.end(name))
  open.push(server)
  await once(server.listen(0, '127.0.0.1'), 'listening')
  return (server.address() as AddressInfo).port
}

async function balance(targets: readonly number[]): Promise<() => Promise<string>> {
  const [port] = (await findFreePorts(1)) as [number]
  open.push(await startBalancer(port, targets))
  return async () => (await fetch(`http://127.0.0.1:${port}/`, { headers: { connection: 'close' } })).text()
}

test('connections go to one after the other', async () => {
  const ask = await balance([await startServer('first'), await startServer('second')])
  expect([await ask(), await ask(), await ask()]).toEqual(['first', 'second', 'first'])
})

test('one that is away is passed over', async () => {
  const ask = await balance([...(await findFreePorts(1)), await startServer('second')])
  expect([await ask(), await ask()]).toEqual(['second', 'second'])
})

test('when all are away the connection ends', async () => {
  const ask = await balance(await findFreePorts(2))
  await expect(ask()).rejects.toThrow('fetch failed')
})
