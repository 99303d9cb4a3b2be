// A probe server as a process of its own, for tests that kill it: node probe-process.ts PORT
import { pino } from 'pino'
import { startRpcServer } from '../rpc-server.ts'
import { ProbeService } from './probe-service.ts'

await startRpcServer({
  name: 'probe',
  host: '127.0.0.1',
  port: Number(process.argv[2]),
  routes: (router) =>
    router.service(ProbeService, {
      ask: () => ({ value: String(process.pid) }),
      change: () => new Promise<never>(() => {}),
    }),
  services: [ProbeService],
  verifier: {
    verify: async (token) => ({ kind: 'user', username: 'anybody', restricted: false, token: token ?? '' }),
  },
  logger: pino({ level: 'silent' }),
  isReady: async () => true,
})
process.send?.('ready')
