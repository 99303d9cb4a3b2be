import { createServer, type Server } from 'node:net'
import { afterEach, expect, test } from 'vitest'
import { assertPortsFree, findFreePorts } from './ports.ts'

const servers: Server[] = []

afterEach(async () => {
  for (const server of servers.splice(0)) await new Promise((resolve) => server.close(resolve))
})

async function listenOn(host: string, port: number): Promise<void> {
  const server = createServer()
  servers.push(server)
  await new Promise<void>((resolve) => server.listen(port, host, resolve))
}

test('free ports pass', async () => {
  const [first, second] = await findFreePorts(2)
  await assertPortsFree([
    { setting: 'GATEWAY_PORT', host: '127.0.0.1', port: first as number },
    { setting: 'JOBS_PORT', host: '127.0.0.1', port: second as number },
  ])
})

test.each(['127.0.0.1', '0.0.0.0'])(
  'a port that is listened on at %s is named with its setting and what to do',
  async (host) => {
    const [port] = (await findFreePorts(1)) as [number]
    await listenOn(host, port)
    await expect(assertPortsFree([{ setting: 'GATEWAY_PORT', host: '127.0.0.1', port }])).rejects.toThrow(
      `Port ${port} (GATEWAY_PORT) is in use: stop what listens there or set GATEWAY_PORT to another port.`,
    )
  },
)

test.each([0, -1, 65536, 1.5, Number.NaN])('port %s is refused with a sentence', async (port) => {
  await expect(assertPortsFree([{ setting: 'JOBS_PORT', host: '127.0.0.1', port }])).rejects.toThrow(
    `JOBS_PORT is ${port}: set it to a port from 1 to 65535.`,
  )
})

test('two settings with the same port are refused before anything is tried', async () => {
  await expect(
    assertPortsFree([
      { setting: 'CATALOG_PORT', host: '127.0.0.1', port: 18742 },
      { setting: 'JOBS_PORT', host: '127.0.0.1', port: 18742 },
    ]),
  ).rejects.toThrow('JOBS_PORT and CATALOG_PORT are both 18742: set one of them to another port.')
})

test('an address that is not of this machine is refused with a sentence', async () => {
  const [port] = (await findFreePorts(1)) as [number]
  await expect(assertPortsFree([{ setting: 'GATEWAY_PORT', host: '203.0.113.1', port }])).rejects.toThrow(
    /cannot be listened on \(EADDRNOTAVAIL\)/,
  )
})

test('free ports are distinct and never handed out twice', async () => {
  const found = [...(await findFreePorts(20)), ...(await findFreePorts(20))]
  expect(new Set(found).size).toBe(40)
})
