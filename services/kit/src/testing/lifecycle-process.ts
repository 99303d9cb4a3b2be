// A process that starts, and ends, in the way that its argument names; for the tests of lifecycle.ts.
import { once } from 'node:events'
import { setTimeout as sleep } from 'node:timers/promises'
import { ConfigError } from '../config.ts'
import { run } from '../lifecycle.ts'

const way = process.argv[2]
const keepAlive = setInterval(() => {}, 1_000)

let isDatabaseThere = true
process.on('message', (message) => {
  isDatabaseThere = message === 'database back'
})

await run('probe', async ({ logger }) => {
  if (way === 'misconfigured') throw new ConfigError(['ONE is missing: set it.', 'TWO is missing: set it.'])
  if (way === 'broken') throw new TypeError('cannot start')
  if (way === 'slow') await sleep(60_000)
  if (way === 'well') console.error('printed by %s', 'a library', new Error('trace'))
  return {
    leave: () => logger.info('leaving'),
    async close() {
      if (way === 'hanging') await new Promise(() => {})
      if (way === 'draining') await once(process, 'message')
      await sleep(50)
      logger.info('closed')
      clearInterval(keepAlive)
    },
    checks: {
      async database() {
        if (!isDatabaseThere) throw new Error('password authentication failed for postgres://u:secret@host')
      },
    },
  }
})

if (way === 'rejecting') Promise.reject(new Error('nobody caught this'))
if (way === 'throwing')
  setTimeout(() => {
    throw new Error('nobody caught this')
  }, 1)
if (way === 'harmless') {
  setTimeout(() => {
    throw Object.assign(new Error('session'), { code: 'ERR_HTTP2_SESSION_ERROR' })
  }, 1)
  const goaway = Object.assign(new Error('[canceled] received GOAWAY without any open streams'), {
    name: 'ConnectError',
  })
  Promise.reject(goaway)
  setTimeout(() => process.send?.('survived'), 50)
}
