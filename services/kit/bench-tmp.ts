import { startProbeServer } from './src/testing/probe-server.ts'
import { createTestTokens } from './src/testing/tokens.ts'
import { createRpcClient } from './src/rpc-client.ts'
import { ProbeService } from './src/testing/probe-service.ts'
import { createConnectTransport } from '@connectrpc/connect-node'
import { createClient } from '@connectrpc/connect'
import { fastify } from 'fastify'
import { fastifyConnectPlugin } from '@connectrpc/connect-fastify'
const t = await createTestTokens()
const s = await startProbeServer(t, { ask: ({value}) => ({ value }) })
const bare = fastify({ http2: true } as never)
await bare.register(fastifyConnectPlugin as never, { routes: (r: any) => r.service(ProbeService, { ask: ({value}: any) => ({ value }) }) } as never)
await bare.listen({ port: 0, host: '127.0.0.1' })
const bareUrl = `http://127.0.0.1:${(bare.server.address() as any).port}`
const headers = { authorization: 'JWT ' + await t.mint() }
async function load(client: any, n: number) {
  let left = n; const t0 = performance.now()
  await Promise.all(Array.from({length:32}, async () => { while (left-- > 0) await client.ask({value:'x'}, {headers}) }))
  return n / (performance.now()-t0) * 1000
}
const kit = createRpcClient(ProbeService, s.url)
const raw = createClient(ProbeService, createConnectTransport({ baseUrl: bareUrl, httpVersion: '2' }))
for (let i=0;i<5;i++) {
  const a = await load(raw, 6000), b = await load(kit, 6000)
  ;(globalThis as any).gc?.()
  console.log('bare', a.toFixed(0), 'kit', b.toFixed(0), 'rss MB', (process.memoryUsage().rss/1e6).toFixed(0), 'heap', (process.memoryUsage().heapUsed/1e6).toFixed(1))
}
for (let i=0;i<4;i++) { await load(kit, 15000); (globalThis as any).gc?.(); console.log('soak heap', (process.memoryUsage().heapUsed/1e6).toFixed(1), 'rss', (process.memoryUsage().rss/1e6).toFixed(0)) }
process.exit(0)
