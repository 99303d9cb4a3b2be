import { ConfigError } from '#kit/config.ts'
import { run } from '#kit/lifecycle.ts'
import { countRefusedTokens } from '#kit/metrics-tokens.ts'
import { closeRpcConnections } from '#kit/rpc-client.ts'
import { createTokenVerifier } from '#kit/tokens.ts'
import { buildApp } from './app.ts'
import { createClients } from './clients.ts'
import { readGatewayConfig } from './config.ts'
import { leave } from './plugins/draining.ts'

await run('gateway', async ({ env, logger, metrics }) => {
  const config = await readGatewayConfig(env)
  const app = await buildApp({
    clients: createClients(config.peers, { tls: config.tls, metrics }),
    verifier: countRefusedTokens(metrics, createTokenVerifier(config.jwt, { schemes: ['JWT'] })),
    ...{ logger, metrics },
    apiRoot: config.apiRoot,
    corsOrigins: config.corsOrigins,
    rateLimit: config.rateLimit,
    tls: config.listen.tls,
  })
  const { host, port } = config.listen
  await app
    .listen({ host, port, listenTextResolver: (address) => `gateway listens on ${address}` })
    .catch((error) => {
      if (error?.code === undefined || error.syscall !== 'listen') throw error
      throw new ConfigError(
        `${host}:${port} cannot be listened on (${error.code}): stop what uses it or set GATEWAY_PORT to a free port.`,
      )
    })
  return {
    leave: () => leave(app),
    async close() {
      await app.close()
      closeRpcConnections()
    },
  }
})
