import { ConfigError } from '#kit/config.ts'
import { DomainError, Reason } from '#kit/errors.ts'
import { run } from '#kit/lifecycle.ts'
import { countRefusedTokens } from '#kit/metrics-tokens.ts'
import { closeRpcConnections, createRpcClient } from '#kit/rpc-client.ts'
import { createTokenVerifier } from '#kit/tokens.ts'
import { AccessControlService } from '#proto/registrar/accesscontrol/v1/access_control_service_pb.ts'
import { createCodecApp } from './codec-app.ts'
import { readCodecServerConfig } from './config.ts'
import { createPayloadCodec } from './temporal/payload-codec.ts'

// Lets staff and superusers read in Temporal's UI and CLI what is encrypted there. Optional: nothing else needs it.
await run('codec-server', async ({ env, logger, metrics }) => {
  const config = await readCodecServerConfig(env)
  if (config.codecKeys === undefined) {
    throw new ConfigError('TEMPORAL_CODEC_KEY is missing: set it as for the jobs service and its worker.')
  }
  const verifier = countRefusedTokens(metrics, createTokenVerifier(config.userJwt))
  const accessControl = createRpcClient(AccessControlService, config.peers['access-control'], {
    ...{ tls: config.tls, metrics },
  })
  const app = await createCodecApp({
    codec: createPayloadCodec(config.codecKeys),
    ...{ origin: config.uiOrigin, logger, tls: config.publicTls },
    async authorize(authorization) {
      const principal = await verifier.verify(authorization)
      const isUser = principal.kind === 'user' && !principal.restricted
      const headers = { authorization: `Bearer ${principal.token}` }
      const caller = isUser ? (await accessControl.getCaller({}, { headers })).caller : undefined
      if (caller?.superuser || caller?.staff) return
      throw new DomainError(Reason.PERMISSION_DENIED, 'Only staff may read this.')
    },
  })
  try {
    await app.listen(config.listenAt)
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException
    const { host, port } = config.listenAt
    const place = 'set CODEC_SERVER_HOST and CODEC_SERVER_PORT to a free place'
    throw new ConfigError(`${host}:${port} cannot be listened on (${code}): ${place}.`)
  }
  logger.info(config.listenAt, 'the codec server listens')
  return {
    async close() {
      await app.close()
      closeRpcConnections()
    },
  }
})
