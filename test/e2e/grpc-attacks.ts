import { once } from 'node:events'
import { type ClientHttp2Session, connect, constants, type OutgoingHttpHeaders } from 'node:http2'
import { connect as connectTcp } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'

/** What a request came to: its HTTP status, or how it broke. */
export type Fate = number | 'broken'

const patienceMs = 15_000

/** A message in gRPC’s envelope; `length` may lie about it. */
export function frame(message: Uint8Array, { flags = 0, length = message.length } = {}): Buffer {
  const head = Buffer.alloc(5)
  head[0] = flags
  head.writeUInt32BE(length, 1)
  return Buffer.concat([head, message])
}

/** A connection that breaks without anybody minding. */
export function openSession(url: string): ClientHttp2Session {
  const session = connect(url, { maxSessionMemory: 512 })
  session.on('error', () => {})
  return session
}

/** Sends a request and its body, as far as the server takes them. */
export async function send(
  session: ClientHttp2Session,
  headers: OutgoingHttpHeaders,
  body: Iterable<Uint8Array> | AsyncIterable<Uint8Array> = [],
): Promise<Fate> {
  if (session.closed || session.destroyed) return 'broken'
  let status: Fate = 'broken'
  try {
    const stream = session.request({ ':method': 'POST', te: 'trailers', ...headers })
    stream.on('error', () => {})
    stream.on('response', (answer) => {
      status = Number(answer[':status'])
    })
    stream.setTimeout(patienceMs, () => stream.close(constants.NGHTTP2_CANCEL))
    stream.resume()
    const closed = new Promise<void>((resolve) => stream.once('close', resolve))
    for await (const chunk of body) {
      if (stream.destroyed || stream.writableEnded) break
      // What the server does not read it need not be sent: an answer ends the sending too.
      if (!stream.write(chunk)) await Promise.race([once(stream, 'drain').catch(() => {}), closed])
    }
    stream.end()
    await closed
  } catch {}
  return status
}

/** Bytes on a connection of their own, HTTP/2 or not, until the server hangs up or has had time enough to. */
export async function sendBytes(url: string, bytes: Uint8Array, waitMs: number): Promise<void> {
  const { hostname, port } = new URL(url)
  const socket = connectTcp(Number(port), hostname)
  socket.on('error', () => {})
  socket.resume()
  const closed = new Promise<void>((resolve) => socket.once('close', () => resolve()))
  socket.write(bytes)
  await Promise.race([closed, sleep(waitMs)])
  socket.destroy()
}

export const preface = Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n')

/** A frame of HTTP/2 itself. */
export function http2Frame(type: number, flags: number, stream: number, payload: Uint8Array): Buffer {
  const head = Buffer.alloc(9)
  head.writeUIntBE(payload.length, 0, 3)
  head[3] = type
  head[4] = flags
  head.writeUInt32BE(stream, 5)
  return Buffer.concat([head, payload])
}

/** Protobuf groups that nobody knows, one in the other. */
export function nestGroups(depth: number): Buffer {
  return Buffer.concat([Buffer.alloc(depth, 0xf3), Buffer.alloc(depth, 0xf4)].map((each) => interleave(each)))
}

// A tag of two bytes: field 1023 and the wire type, which the first byte holds.
function interleave(firstBytes: Buffer): Buffer {
  const tags = Buffer.alloc(firstBytes.length * 2, 0x3f)
  for (const [index, byte] of firstBytes.entries()) tags[index * 2] = byte | 0x80
  return tags
}

/** Messages in the field with this number, one in the other. */
export function nestMessages(fieldNumbers: readonly number[], depth: number): Buffer {
  let inner = Buffer.alloc(0)
  for (let level = 0; level < depth; level++) {
    const tag = ((fieldNumbers[level % fieldNumbers.length] ?? 1) << 3) | 2
    inner = Buffer.concat([Buffer.from([tag]), varint(inner.length), inner])
  }
  return inner
}

function varint(value: number): Buffer {
  const bytes: number[] = []
  let rest = value
  do {
    bytes.push((rest & 0x7f) | (rest > 0x7f ? 0x80 : 0))
    rest >>>= 7
  } while (rest > 0)
  return Buffer.from(bytes)
}
