import { ConfigError } from '#kit/config.ts'
import { run } from '#kit/lifecycle.ts'
import { closeRpcConnections } from '#kit/rpc-client.ts'
import { createTokenVerifier } from '#kit/tokens.ts'
import { buildApp } from './app.ts'
import { createClients } from './clients.ts'
import { readGatewayConfig } from './config.ts'

await run('gateway', async ({ env, logger }) => {
  const config = await readGatewayConfig(env)
  const app = await buildApp({
    clients: createClients(config.peers),
    verifier: createTokenVerifier(config.jwt, { schemes: ['JWT'] }),
    logger,
    apiRoot: config.apiRoot,
    corsOrigins: config.corsOrigins,
    rateLimit: config.rateLimit,
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
    async close() {
      await app.close()
      closeRpcConnections()
    },
  }
})
