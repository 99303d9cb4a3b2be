import type { BenchContext } from './context.ts'
import { connectClient, type FloorClient, grpcClient, inProcessClient, ourClient } from './floors/clients.ts'
import { measureDatabaseFloors } from './floors/database.ts'
import { rowMessages, rowsOfMessage } from './floors/row-messages.ts'
import { startEchoHop, startPeer } from './floors/start-peer.ts'
import { type Load, loadCalls, loadUrl, median, timeEach } from './measure.ts'
import { type WatchedProcess, watchProcesses } from './processes.ts'
import type { Table } from './tables.ts'

const inFlight = 32
const seconds = 4

/** What the parts that we are made of can do here by themselves: a hop of each kind, a stream, the database. */
export async function measureFloors(context: BenchContext): Promise<Table[]> {
  return [await measureCalls(), await measureStreams(), await measureDatabaseFloors(context)]
}

async function measureCalls(): Promise<Table> {
  const peers = {
    fastify: await startPeer('fastify'),
    grpc: await startPeer('grpc-js'),
    connect: await startPeer('connect'),
    ours: await startPeer('ours'),
  }
  const echo = await startEchoHop()
  const rows: string[][] = []
  const add = async (name: string, load: () => Promise<Load>, servers: readonly WatchedProcess[]) => {
    await load()
    const used = watchProcesses([{ name: 'client', pid: process.pid }, ...servers])
    const { rate, p50, p99 } = await load()
    const [client, ...others] = used().map(({ cpuSeconds }) =>
      ((cpuSeconds * 1_000) / (rate * seconds)).toFixed(3),
    )
    rows.push([
      name,
      rate.toFixed(0),
      `${p50.toFixed(1)} / ${p99.toFixed(1)}`,
      client ?? '',
      others.join(' + '),
    ])
  }
  const call = (client: FloorClient) => () => loadCalls(client.call, { inFlight, seconds })
  const get = (url: string) => () => loadUrl({ url, connections: inFlight }, seconds)
  await add('bare Fastify', get(peers.fastify.url), [peers.fastify])
  await add('grpc-js → grpc-js', call(grpcClient(`127.0.0.1:${peers.grpc.port}`)), [peers.grpc])
  await add('connect (gRPC) → grpc-js', call(connectClient('grpc', peers.grpc.url)), [peers.grpc])
  await add('connect (gRPC) → connect-node', call(connectClient('grpc', peers.connect.url)), [peers.connect])
  await add('connect (Connect, h2) → connect-node', call(connectClient('connect', peers.connect.url)), [
    peers.connect,
  ])
  await add('our client → our server, no token', call(ourClient(peers.ours.url)), [peers.ours])
  await add('connect in one process', call(inProcessClient()), [])
  await add('bare Fastify → connect-node: the echo hop', get(echo.url), echo.processes)
  echo.stop()
  for (const peer of Object.values(peers)) peer.stop()
  return {
    title: `Floors: ${inFlight} in flight, six programs (1.3 kB) in each answer, no token`,
    columns: ['hop', 'requests/s', 'p50 / p99 ms', 'CPU ms, client', 'CPU ms, server'],
    rows,
  }
}

async function measureStreams(): Promise<Table> {
  const [grpc, connect] = [await startPeer('grpc-js'), await startPeer('connect')]
  const clients: [name: string, client: FloorClient][] = [
    ['grpc-js → grpc-js', grpcClient(`127.0.0.1:${grpc.port}`)],
    ['connect (gRPC) → connect-node', connectClient('grpc', connect.url)],
    ['connect (Connect, h2) → connect-node', connectClient('connect', connect.url)],
  ]
  const rows: string[][] = []
  for (const [name, client] of clients) {
    const taken = median(await timeEach(7, client.read))
    rows.push([name, ((rowMessages.length * rowsOfMessage) / taken / 1e6).toFixed(2)])
  }
  grpc.stop()
  connect.stop()
  return {
    title: `Floors: a server stream of enrollments, ${rowsOfMessage} rows in a message`,
    columns: ['hop', 'million rows/s'],
    rows,
  }
}
