import { fork } from 'node:child_process'
import { once } from 'node:events'
import { findFreePorts } from '#stack/ports.ts'
import { startTestStack } from '../fixtures/stack.ts'
import { connectWorld } from '../fixtures/world.ts'
import { type BenchContext, createListedSchool } from './context.ts'
import { startEchoHop } from './floors/start-peer.ts'
import { type Load, loadInTurns, type Row } from './measure.ts'

const manyConnections = 32
const grantsCacheSeconds = 2

/**
 * `GET /programs` beside the hop that it cannot do without, a bare Fastify in front of a connect-node service that gives as many
 * programs, and beside a bare Fastify route that runs one query for the same programs.
 */
export async function measureLists(context: BenchContext): Promise<Row[]> {
  const { system, token } = context
  const query = await startQueryServer(context)
  const echo = await startEchoHop()
  const floors: [name: string, url: string][] = [
    ['Fastify → connect-node, the echo hop', echo.url],
    ['bare Fastify, one query', query.url],
  ]
  const rows: Row[] = []
  for (const connections of [1, 8, manyConnections]) {
    rows.push(...(await compare('', listOf(system.addresses.gateway, token), connections, floors)))
  }
  rows.push(...(await measureWithCache(floors.slice(0, 1))))
  echo.stop()
  query.stop()
  return rows
}

/** The same where lists may go by what their callers were given some seconds ago. */
async function measureWithCache(floors: [name: string, url: string][]): Promise<Row[]> {
  const system = await startTestStack({ GRANTS_CACHE_TIMEOUT: String(grantsCacheSeconds) })
  try {
    const { token } = await createListedSchool(await connectWorld(system.addresses))
    const list = listOf(system.addresses.gateway, token)
    return await compare(`, GRANTS_CACHE_TIMEOUT=${grantsCacheSeconds}`, list, manyConnections, floors)
  } finally {
    await system.close()
  }
}

type Target = { url: string; headers: Record<string, string> }

function listOf(gateway: string, token: string): Target {
  return { url: `${gateway}/api/v1/programs`, headers: { authorization: `JWT ${token}` } }
}

/** Ours and the floors take turns, so that what else the machine does meets all of them. */
async function compare(
  how: string,
  list: Target,
  connections: number,
  floors: [name: string, url: string][],
): Promise<Row[]> {
  const targets = [list, ...floors.map(([, url]) => ({ url }))]
  const loads = await loadInTurns(targets.map((target) => ({ ...target, connections })))
  const ours = loads[0] as Load
  return floors.map(([name], index) => {
    const floor = loads[index + 1] as Load
    return {
      work: `GET /programs, ${connections} connections${how}`,
      ours: describe(ours),
      floor: `${describe(floor)} (${name})`,
      ratio: (ours.rate / floor.rate).toFixed(2),
    }
  })
}

async function startQueryServer({ school, databaseUrl }: BenchContext) {
  const [port] = await findFreePorts(1)
  const statement = `select p.key, d.title, d.url, d.type from catalog.programs p left join catalog.program_details d on d.program_id = p.id
    where p.organization_id = '${school.id}' order by p.sequence`
  const script = new URL('floor-server.ts', import.meta.url)
  const server = fork(script, [String(port), databaseUrl, statement])
  await once(server, 'message')
  return { url: `http://127.0.0.1:${port}`, stop: () => server.disconnect() }
}

function describe({ rate, p50, p99, failures }: Load): string {
  return `${rate.toFixed(0)}/s, p50 ${p50} ms, p99 ${p99} ms${failures ? `, ${failures} FAILED` : ''}`
}
