import { mkdtemp } from 'node:fs/promises'
import { Client, Connection } from '@temporalio/client'
import { Worker, bundleWorkflowCode } from '@temporalio/worker'
import { findFreePorts } from '#stack/ports.ts'
import { startTemporal } from '#stack/temporal.ts'
import { findTemporalBinary } from '#stack/temporal-binary.ts'
import { setTimeout as sleep } from 'node:timers/promises'
import { writeFile } from 'node:fs/promises'
const silent = () => {}
for (const dynamicConfig of [[], ['matching.autoEnableV2=true'], ['matching.enableFairness=true']]) {
  const dataDir = await mkdtemp('/tmp/tfair/d-')
  const [port, uiPort] = await findFreePorts(2) as [number, number]
  const binary = await findTemporalBinary({ env: process.env, log: silent })
  const t = await startTemporal({ binary, dataDir, port, uiPort, namespace: 'default', dynamicConfig, reports: { log: silent, output: silent } })
  const connection = await Connection.connect({ address: t.address })
  const client = new Client({ connection })
  await writeFile('/tmp/tfair/wf.ts', 'export async function wf() { return 1 }')
  const order: string[] = []
  const start = (id: string, key: string) => client.workflow.start('wf', { taskQueue: 'q', workflowId: id, priority: { fairnessKey: key } })
  await start('warm', 'w')
  for (let i = 0; i < 100; i++) await start(`a-${i}`, 'a')
  for (let i = 0; i < 3; i++) await start(`b-${i}`, 'b')
  const { NativeConnection } = await import('@temporalio/worker')
  const nc = await NativeConnection.connect({ address: t.address })
  const worker = await Worker.create({ connection: nc, taskQueue: 'q', workflowsPath: '/tmp/tfair/wf.ts', maxConcurrentWorkflowTaskExecutions: 2, maxCachedWorkflows: 0 })
  const running = worker.run()
  await Promise.all(Array.from({ length: 3 }, (_, i) => client.workflow.getHandle(`b-${i}`).result()))
  const done = await client.workflow.count("ExecutionStatus='Completed'")
  await sleep(500)
  const list = []
  for await (const w of client.workflow.list({ query: "ExecutionStatus='Completed'" })) list.push(w)
  list.sort((x, y) => +x.closeTime! - +y.closeTime!)
  console.log(JSON.stringify(dynamicConfig), 'done when b done', done.count, 'positions', list.map((w, i) => w.workflowId.startsWith('b') ? i : -1).filter((i) => i >= 0))
  worker.shutdown(); await running; await nc.close(); await connection.close(); await t.process.stop()
}
process.exit(0)
