import { createCipheriv, createDecipheriv, randomBytes } from 'node:crypto'
import type { DataConverter } from '@temporalio/client'
import type { CodecKeys } from './codec-keys.ts'

/** What stands between our processes and everything that Temporal keeps: inputs, results, summaries, heartbeats. */
export type PayloadCodec = NonNullable<DataConverter['payloadCodecs']>[number]
export type Payload = Awaited<ReturnType<PayloadCodec['encode']>>[number]

const encoding = 'binary/encrypted'
const cipherName = 'aes-256-gcm'
const ivBytes = 12
const tagBytes = 16

/** The codecs of clients and workers: none without keys. */
export function createPayloadCodecs(keys: CodecKeys | undefined): PayloadCodec[] {
  return keys === undefined ? [] : [createPayloadCodec(keys)]
}

/**
 * Encrypts with AES-256-GCM. What was not encrypted, before there was a key, is read as it is; what a key encrypted that is not
 * among `keys` cannot be read.
 */
export function createPayloadCodec({ current, old }: CodecKeys): PayloadCodec {
  const secrets = new Map([...old, current].map(({ id, secret }) => [id, secret]))
  return {
    async encode(payloads) {
      return payloads.map((payload) => ({
        metadata: { encoding: Buffer.from(encoding), 'encryption-key-id': Buffer.from(current.id) },
        data: encrypt(serialize(payload), current.secret, current.id),
      }))
    },
    async decode(payloads) {
      return payloads.map((payload) => {
        if (textOf(payload, 'encoding') !== encoding) return payload
        const id = textOf(payload, 'encryption-key-id')
        const secret = secrets.get(id)
        if (secret === undefined) throw new Error(`no setting has the key ${JSON.stringify(id.slice(0, 64))}`)
        return deserialize(decrypt(Buffer.from(payload.data ?? []), secret, id))
      })
    },
  }
}

function textOf({ metadata }: Payload, name: string): string {
  return Buffer.from(metadata?.[name] ?? []).toString('utf8')
}

// The id is authenticated, too.
function encrypt(plain: Buffer, secret: Buffer, id: string): Buffer {
  const iv = randomBytes(ivBytes)
  const cipher = createCipheriv(cipherName, secret, iv).setAAD(Buffer.from(id))
  return Buffer.concat([iv, cipher.update(plain), cipher.final(), cipher.getAuthTag()])
}

function decrypt(sealed: Buffer, secret: Buffer, id: string): Buffer {
  if (sealed.byteLength < ivBytes + tagBytes) throw new Error('an encrypted payload is cut off')
  const decipher = createDecipheriv(cipherName, secret, sealed.subarray(0, ivBytes), {
    authTagLength: tagBytes,
  })
  decipher.setAAD(Buffer.from(id)).setAuthTag(sealed.subarray(-tagBytes))
  return Buffer.concat([decipher.update(sealed.subarray(ivBytes, -tagBytes)), decipher.final()])
}

// The length of the metadata, the metadata as JSON, the data.
function serialize({ metadata, data }: Payload): Buffer {
  const entries = Object.entries(metadata ?? {}).map(([name, value]) => [
    name,
    Buffer.from(value).toString('base64'),
  ])
  const head = Buffer.from(JSON.stringify(Object.fromEntries(entries)))
  const length = Buffer.alloc(4)
  length.writeUInt32BE(head.byteLength)
  // Of a payload without data the SDK says it is an array.
  return Buffer.concat([length, head, Buffer.from(data ?? [])])
}

function deserialize(plain: Buffer): Payload {
  const end = 4 + plain.readUInt32BE(0)
  const entries = Object.entries(
    JSON.parse(plain.subarray(4, end).toString('utf8')) as Record<string, string>,
  )
  const metadata = Object.fromEntries(entries.map(([name, value]) => [name, Buffer.from(value, 'base64')]))
  return { metadata, data: plain.subarray(end) }
}
