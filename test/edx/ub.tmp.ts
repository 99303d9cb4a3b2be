import { createUpstream } from '#kit/upstream.ts'
import { createLogger } from '#kit/logger.ts'
import { createLmsBackend } from '../../services/enrollment/src/backends/lms/lms-backend.ts'
import { tellProgramEnrollment } from '../../services/enrollment/src/messages.ts'
import { fork } from 'node:child_process'
import { once } from 'node:events'
import { randomUUID } from 'node:crypto'
const c = fork('/work/main/test/edx/main.ts', { env: { ...process.env, EDX_LMS_PORT: '0', EDX_DISCOVERY_PORT: '0' }, silent: true })
const [{ settings }] = await once(c, 'message') as any
const lms = settings.LMS_BASE_URL
const up = createUpstream({ name: 'LMS', baseUrl: lms, credentials: { key: settings.BACKEND_SERVICE_EDX_OAUTH2_KEY, secret: settings.BACKEND_SERVICE_EDX_OAUTH2_SECRET, providerUrl: lms + '/oauth2' }, logger: createLogger('x', 'silent') })
const backend = createLmsBackend(up, { pageSize: 1000 })
for (const n of [1000, 100_000, 1_000_000, 100_000]) {
const uuid = randomUUID()
await fetch(lms + '/_control/programs', { method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify([{ uuid, generate: n }]) })
const s = performance.now(); let k = 0; let max = 0
for await (const b of backend.readProgramEnrollments({ uuid, organizationId: uuid }, { pageToken: '', limit: 0, signal: new AbortController().signal, requestId: 'x', accounts: false })) { k += b.rows.map(tellProgramEnrollment).length; if (k % 50000 === 0) max = Math.max(max, process.memoryUsage().rss) }
console.log(k, (performance.now() - s).toFixed(0), 'ms', (Math.max(max, process.memoryUsage().rss) / 2 ** 20).toFixed(0), 'MiB')
}
c.disconnect(); await up.close()
