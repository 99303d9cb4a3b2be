import { Agent, request } from 'node:http'
import type { Answer } from '../fixtures/rest.ts'

export type PlainRequest = {
  method: string
  /** As it is sent: nothing of it is made nicer on the way, as `fetch` does. */
  path: string
  headers: Record<string, string>
  body?: Uint8Array
}

/** A client that sends whatever it is given, over connections that it keeps. */
export function createPlainClient(url: string, connections: number) {
  const agent = new Agent({ keepAlive: true, maxSockets: connections, scheduling: 'fifo' })
  const { hostname, port } = new URL(url)
  return {
    send: (plain: PlainRequest) => send(agent, hostname, port, plain),
    close: () => agent.destroy(),
  }
}

function send(agent: Agent, hostname: string, port: string, plain: PlainRequest): Promise<Answer> {
  const { method, path, body } = plain
  const headers = {
    ...plain.headers,
    ...(body !== undefined && { 'content-length': String(body.byteLength) }),
  }
  return new Promise((resolve, reject) => {
    const outgoing = request({ agent, hostname, port, method, path, headers }, (incoming) => {
      const chunks: Buffer[] = []
      incoming.on('data', (chunk: Buffer) => chunks.push(chunk))
      incoming.on('error', reject)
      incoming.on('end', () => {
        const given = new Headers()
        for (const [name, value] of Object.entries(incoming.headers)) given.set(name, String(value))
        const text = Buffer.concat(chunks).toString()
        const isJson = given.get('content-type')?.startsWith('application/json') && text !== ''
        try {
          resolve({
            status: incoming.statusCode ?? 0,
            headers: given,
            text,
            body: isJson ? JSON.parse(text) : text,
          })
        } catch (error) {
          reject(error)
        }
      })
    })
    outgoing.on('error', reject)
    outgoing.end(body)
  })
}
