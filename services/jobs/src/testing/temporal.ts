import { mkdir } from 'node:fs/promises'
import { Client, Connection } from '@temporalio/client'
import { findFreePorts } from '#stack/ports.ts'
import { startTemporal } from '#stack/temporal.ts'
import { findTemporalBinary } from '#stack/temporal-binary.ts'

/** A Temporal development server for tests. */
export type TestTemporal = {
  address: string
  /** A client to look at workflows as operators do. */
  client(): Promise<Client>
  /** Takes it away and brings it back, with what it knows. */
  pause(): Promise<void>
  resume(): Promise<void>
  stop(): Promise<void>
}

export async function startTestTemporal(dataDir: string): Promise<TestTemporal> {
  await mkdir(dataDir, { recursive: true })
  const silent = () => {}
  const binary = await findTemporalBinary({ env: process.env, log: silent })
  const [port, uiPort] = (await findFreePorts(2)) as [number, number]
  const start = () =>
    startTemporal({
      ...{ binary, dataDir, port, uiPort },
      namespace: 'default',
      reports: { log: silent, output: silent },
    })
  let server = await start()
  let connection: Connection | undefined
  const pause = async () => {
    await connection?.close()
    connection = undefined
    await server.process.stop()
  }
  return {
    address: server.address,
    async client() {
      connection ??= await Connection.connect({ address: server.address })
      return new Client({ connection })
    },
    pause,
    async resume() {
      server = await start()
    },
    stop: pause,
  }
}
