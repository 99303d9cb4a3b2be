import type { Server } from 'node:https'
import { fastifyCors } from '@fastify/cors'
import { type FastifyInstance, fastify } from 'fastify'
import { Reason } from '#kit/errors.ts'
import type { Logger } from '#kit/logger.ts'
import { reasonOf } from '#kit/rpc-errors.ts'
import { followTlsFiles, type TlsFiles } from '#kit/tls-files.ts'
import type { Payload, PayloadCodec } from './temporal/payload-codec.ts'

export type CodecAppOptions = {
  codec: PayloadCodec
  /** Fails unless the bearer of the header may read what is encrypted: CREDENTIALS_MISSING, TOKEN_INVALID, PERMISSION_DENIED, … */
  authorize: (authorization: string | undefined) => Promise<void>
  /** Whose pages may ask. */
  origin: string
  /** The certificate for HTTPS; HTTP when absent. */
  tls?: TlsFiles
  logger: Logger
}

const bodyLimitBytes = 8 * 1024 * 1024
const base64 = { type: 'string', pattern: '^[A-Za-z0-9+/]*={0,2}$' }
const payloads = {
  type: 'array',
  items: {
    type: 'object',
    properties: { metadata: { type: 'object', additionalProperties: base64 }, data: base64 },
  },
}
const body = { type: 'object', required: ['payloads'], properties: { payloads } }

type TextPayload = { metadata?: Record<string, string>; data?: string }

/** Answers Temporal's UI and CLI as they ask codec servers: `POST /encode` and `POST /decode`, payloads in JSON with bytes in base64. */
export async function createCodecApp({
  codec,
  authorize,
  origin,
  tls,
  logger,
}: CodecAppOptions): Promise<FastifyInstance> {
  const app = fastify({
    ...(tls && { https: tls.read() }),
    bodyLimit: bodyLimitBytes,
    forceCloseConnections: true,
    ajv: { customOptions: { coerceTypes: false } },
  })
  if (tls !== undefined) followTlsFiles(app.server as unknown as Server, tls)
  await app.register(fastifyCors, {
    ...{
      origin: [origin],
      methods: ['POST'],
      allowedHeaders: ['Authorization', 'Content-Type', 'X-Namespace'],
    },
    credentials: true,
  })
  app.setNotFoundHandler((_, reply) => reply.code(404).send({ detail: 'Not found.' }))
  app.setErrorHandler((error: { statusCode?: number; message: string }, _, reply) => {
    const status = statusOf(error)
    // What was in the payloads is in no message; what else went wrong is for the log.
    if (status >= 500) logger.error({ err: error }, 'payloads could not be coded')
    return reply.code(status).send({ detail: status >= 500 ? 'Try again later.' : error.message })
  })
  for (const work of ['encode', 'decode'] as const) {
    app.post<{ Body: { payloads: TextPayload[] } }>(`/${work}`, {
      schema: { body },
      // Before the body is read.
      onRequest: ({ headers }) => authorize(headers.authorization),
      handler: async (request) => {
        const given = request.body.payloads.map(fromText)
        const coded = await codec[work](given).catch((cause: Error) => {
          throw Object.assign(new Error(`The payloads cannot be ${work}d: ${cause.message}.`, { cause }), {
            statusCode: 400,
          })
        })
        return { payloads: coded.map(toText) }
      },
    })
  }
  return app
}

function statusOf(error: { statusCode?: number }): number {
  const reason = reasonOf(error)
  if (reason === undefined) return error.statusCode ?? 500
  if (reason === Reason.PERMISSION_DENIED || reason === Reason.TOKEN_RESTRICTED) return 403
  const areCredentialsWrong =
    reason === Reason.CREDENTIALS_MISSING ||
    reason === Reason.TOKEN_INVALID ||
    reason === Reason.TOKEN_USERNAME_MISSING ||
    reason === Reason.USER_INACTIVE
  return areCredentialsWrong ? 401 : 503
}

function fromText({ metadata = {}, data = '' }: TextPayload): Payload {
  const entries = Object.entries(metadata).map(([name, value]) => [name, Buffer.from(value, 'base64')])
  return { metadata: Object.fromEntries(entries), data: Buffer.from(data, 'base64') }
}

function toText({ metadata, data }: Payload): TextPayload {
  const entries = Object.entries(metadata ?? {}).map(([name, value]) => [
    name,
    Buffer.from(value).toString('base64'),
  ])
  return { metadata: Object.fromEntries(entries), data: Buffer.from(data ?? []).toString('base64') }
}
