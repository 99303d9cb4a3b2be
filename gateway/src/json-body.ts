import type { FastifyRequest } from 'fastify'
import { detail, type HttpFault, invalid } from './http-errors.ts'
import { explainJsonFault } from './json-faults.ts'

/** Far more than 25 learners need. */
export const bodyLimit = 1_048_576

const formTypes = new Set(['application/x-www-form-urlencoded', 'multipart/form-data'])

/**
 * Reads a JSON body. HttpFault 400 when it is not JSON, 413 when it is too large, 415 when it says that it is something else;
 * a form counts as JSON that is not a list.
 */
export async function readJsonBody(request: FastifyRequest): Promise<unknown> {
  if (!hasBody(request)) throw notAList()
  const contentType = request.contentType ?? ''
  const mediaType = contentType.split(';', 1)[0]?.trim().toLowerCase() ?? ''
  const isForm = formTypes.has(mediaType)
  if (!isForm && mediaType !== 'application/json') {
    throw detail(415, `Unsupported media type "${contentType}" in request.`)
  }
  const bytes = await readBytes(request)
  if (isForm || bytes.length === 0) throw notAList()
  return parseJson(bytes)
}

function notAList(): HttpFault {
  return invalid('expected request body type: List')
}

export function hasBody({ headers }: Pick<FastifyRequest, 'headers'>): boolean {
  return headers['transfer-encoding'] !== undefined || Number(headers['content-length'] ?? 0) > 0
}

async function readBytes(request: FastifyRequest): Promise<Buffer> {
  const { raw } = request
  if (Number(raw.headers['content-length']) > bodyLimit) throw tooLarge()
  const chunks: Buffer[] = []
  let length = 0
  return new Promise((resolve, reject) => {
    if (raw.destroyed) reject(brokenOff())
    raw.on('data', (chunk: Buffer) => {
      length += chunk.length
      // What comes after the limit is let run out and not kept.
      if (length > bodyLimit) reject(tooLarge())
      else chunks.push(chunk)
    })
    raw.on('end', () => resolve(Buffer.concat(chunks)))
    raw.on('error', () => reject(brokenOff()))
    raw.on('close', () => reject(brokenOff()))
  })
}

function tooLarge(): HttpFault {
  return detail(413, `Request body too large. Must be under ${bodyLimit} bytes`)
}

/** For a client that went away before its body was here; nobody is left to read it. */
export function brokenOff(): HttpFault {
  return detail(400, 'The request broke off.')
}

function parseJson(bytes: Buffer): unknown {
  try {
    return JSON.parse(new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes))
  } catch {
    throw detail(400, `JSON parse error - ${explainJsonFault(bytes)}`)
  }
}
