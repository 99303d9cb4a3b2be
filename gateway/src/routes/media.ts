import { Readable } from 'node:stream'
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import Type from 'typebox'
import type { ObjectInfo, ReadSignedObjectResponse } from '#proto/registrar/jobs/v1/jobs_service_pb.ts'
import type { Clients } from '../clients.ts'
import { detail, notFoundText } from '../http-errors.ts'
import { anonymousFaults } from '../schemas/errors.ts'

type MediaRequest = FastifyRequest<{ Params: { '*': string }; Querystring: Record<string, string> }>

/** GET <prefix>/media/<bucket>/<key>: a stored object, to whoever holds a signed link to it. */
export function addMedia(app: FastifyInstance, clients: Clients, prefix: string): void {
  app.route({
    method: ['GET', 'HEAD'],
    url: `${prefix}/media/*`,
    config: { allow: 'GET, HEAD' },
    schema: {
      hide: true,
      response: {
        200: { content: { 'application/octet-stream': { schema: Type.Unsafe({}) } } },
        ...anonymousFaults,
      },
    },
    handler: (request, reply) => sendObject(clients, request as MediaRequest, reply),
  })
}

async function sendObject({ jobs }: Clients, request: MediaRequest, reply: FastifyReply) {
  // A browser or curl that leaves must not keep the services reading.
  const gone = new AbortController()
  reply.raw.once('close', () => gone.abort())
  const stream = jobs.readSignedObject(readLink(request), {
    headers: { 'x-request-id': request.id },
    signal: gone.signal,
  })
  const parts = stream[Symbol.asyncIterator]()
  const first = await parts.next()
  if (first.done || first.value.info === undefined) throw detail(404, notFoundText)
  describeObject(reply, first.value.info)
  if (request.method === 'HEAD') {
    gone.abort()
    return reply.send()
  }
  return reply.send(Readable.from(bytesOf(first.value, parts), { objectMode: false }))
}

async function* bytesOf(
  first: ReadSignedObjectResponse,
  parts: AsyncIterator<ReadSignedObjectResponse>,
): AsyncGenerator<Uint8Array> {
  if (first.data.length > 0) yield first.data
  for (let part = await parts.next(); !part.done; part = await parts.next()) yield part.value.data
}

/** The link taken apart; 404 for what is no link of ours. */
function readLink({ params, query }: MediaRequest) {
  const slash = params['*'].indexOf('/')
  const bucket = params['*'].slice(0, slash)
  const key = params['*'].slice(slash + 1)
  const { expires = '', signature = '' } = query
  if (slash < 1 || key === '' || !/^\d{1,11}$/.test(expires) || signature === '') {
    throw detail(404, notFoundText)
  }
  return { bucket, key, expireTime: { seconds: BigInt(expires), nanos: 0 }, signature }
}

function describeObject(reply: FastifyReply, info: ObjectInfo): void {
  reply.headers({
    'content-type': info.contentType || 'application/octet-stream',
    'content-length': String(info.size),
    'content-disposition': `attachment; ${fileNameFor(info.fileName)}`,
    'cache-control': 'private, no-store',
    'x-content-type-options': 'nosniff',
  })
}

function fileNameFor(name: string): string {
  const plain = name.replace(/[^\w.-]/g, '_')
  return plain === name
    ? `filename="${name}"`
    : `filename="${plain}"; filename*=UTF-8''${encodeURIComponent(name)}`
}
