import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Client, Connection } from '@temporalio/client'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { findFreePorts } from './ports.ts'
import { recordOf } from './running-process.ts'
import { startTemporal, type Temporal } from './temporal.ts'
import { findTemporalBinary } from './temporal-binary.ts'

let dataDir: string
let port: number
let uiPort: number
let printed: string[]
const started: Temporal[] = []

beforeEach(async () => {
  dataDir = mkdtempSync(join(tmpdir(), 'temporal-'))
  ;[port, uiPort] = (await findFreePorts(2)) as [number, number]
  printed = []
})

afterEach(async () => {
  await Promise.all(started.splice(0).map((temporal) => temporal.process.stop()))
  rmSync(dataDir, { recursive: true })
})

async function start(searchAttributes: Record<string, string> = {}): Promise<Temporal> {
  const binary = await findTemporalBinary({ env: process.env, log: () => {} })
  const reports = { log: () => {}, output: (_: string, line: string) => void printed.push(line) }
  const temporal = await startTemporal({
    ...{ binary, dataDir, port, uiPort, namespace: 'school', searchAttributes, reports },
  })
  started.push(temporal)
  return temporal
}

async function withClient<T>(temporal: Temporal, use: (client: Client) => Promise<T>): Promise<T> {
  const connection = await Connection.connect({ address: temporal.address })
  try {
    return await use(new Client({ connection, namespace: 'school' }))
  } finally {
    await connection.close()
  }
}

test('what was started is still there after a stop and a new start', async () => {
  const first = await start()
  await withClient(first, (client) =>
    client.workflow.start('kept', { taskQueue: 'none', workflowId: 'kept-1' }),
  )
  await first.process.stop()
  const second = await start()
  const { status } = await withClient(second, (client) => client.workflow.getHandle('kept-1').describe())
  expect(status.name).toBe('RUNNING')
})

test('search attributes are there at once, also those that a later start adds', async () => {
  const first = await start({ RegistrarProgram: 'Keyword' })
  await first.process.stop()
  const second = await start({ RegistrarProgram: 'Keyword', RegistrarKind: 'Keyword' })
  await withClient(second, async (client) => {
    await client.workflow.start('found', {
      ...{ taskQueue: 'none', workflowId: 'found-1' },
      searchAttributes: { RegistrarProgram: ['cs'], RegistrarKind: ['read'] },
    })
    await expect
      .poll(
        async () => (await client.workflow.count(`RegistrarProgram = 'cs' and RegistrarKind = 'read'`)).count,
      )
      .toBe(1)
  })
})

test('the UI answers, and nothing but faults is printed', async () => {
  const temporal = await start()
  await expect.poll(async () => (await fetch(temporal.uiUrl)).status).toBe(200)
  expect(printed).toEqual([])
})

test('a server that is killed is started again with its data, and a stop leaves no process', async () => {
  const temporal = await start()
  await withClient(temporal, (client) =>
    client.workflow.start('kept', { taskQueue: 'none', workflowId: 'kept-1' }),
  )
  const back = temporal.process.restarted()
  temporal.process.kill('SIGKILL')
  const pid = await back
  const { status } = await withClient(temporal, (client) => client.workflow.getHandle('kept-1').describe())
  expect(status.name).toBe('RUNNING')
  await temporal.process.stop()
  expect(recordOf(pid)).toBeUndefined()
})
