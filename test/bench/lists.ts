import { fork } from 'node:child_process'
import { once } from 'node:events'
import { findFreePorts } from '#stack/ports.ts'
import type { BenchContext } from './context.ts'
import { type Load, loadUrl, type Row } from './measure.ts'

/** `GET /programs` beside a bare Fastify route that runs one query for the same programs. */
export async function measureLists(context: BenchContext): Promise<Row[]> {
  const { system, school, token, databaseUrl } = context
  const [port] = await findFreePorts(1)
  const statement = `select p.key, d.title, d.url, d.type from catalog.programs p left join catalog.program_details d on d.program_id = p.id
    where p.organization_id = '${school.id}' order by p.sequence`
  const floorServer = fork(new URL('floor-server.ts', import.meta.url), [
    String(port),
    databaseUrl,
    statement,
  ])
  await once(floorServer, 'message')

  const rows: Row[] = []
  for (const connections of [1, 8, 32]) {
    const ours = await loadUrl({
      url: `${system.addresses.gateway}/api/v1/programs`,
      headers: { authorization: `JWT ${token}` },
      connections,
    })
    const floor = await loadUrl({ url: `http://127.0.0.1:${port}`, connections })
    rows.push({
      work: `GET /programs, ${connections} connections`,
      ours: describe(ours),
      floor: `${describe(floor)} (bare Fastify, one query)`,
      ratio: (ours.rate / floor.rate).toFixed(2),
    })
  }
  floorServer.disconnect()
  return rows
}

function describe({ rate, p50, p99, failures }: Load): string {
  return `${rate.toFixed(0)}/s, p50 ${p50} ms, p99 ${p99} ms${failures ? `, ${failures} FAILED` : ''}`
}
