// A process that serves and tells its parent which modules of OpenTelemetry it has loaded; for the tests of tracing.ts.
import { createRequire } from 'node:module'
import { run } from '../lifecycle.ts'
import '../database.ts'
import '../rpc-server.ts'
import '../upstream.ts'

const keepAlive = setInterval(() => {}, 1_000)
await run('probe', async () => ({ close: async () => clearInterval(keepAlive) }))
const loaded = Object.keys(createRequire(import.meta.url).cache).flatMap(
  (path) => /node_modules\/(@opentelemetry\/[^/]+)/.exec(path)?.[1] ?? [],
)
process.send?.([...new Set(loaded)])
