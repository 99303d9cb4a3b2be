import { once } from 'node:events'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { text } from 'node:stream/consumers'

export type SeenRequest = { method: string; path: string; headers: IncomingMessage['headers']; body: string }

/** What a test answers to one request, by hand. */
export type Answering = (response: ServerResponse, request: SeenRequest) => void

/** An upstream whose answers a test decides, with a token endpoint at `/oauth2/access_token`. */
export type UpstreamServer = {
  url: string
  credentials: { key: string; secret: string; providerUrl: string }
  /** Requests that came in, those for tokens apart. */
  requests: SeenRequest[]
  tokenRequests: SeenRequest[]
  /** The next answers, one for each request, the last of them again and again. */
  answer(...answers: Answering[]): void
  answerTokens(...answers: Answering[]): void
  close(): Promise<void>
}

/** Tokens are `token-1`, `token-2`, … */
export async function startUpstreamServer(): Promise<UpstreamServer> {
  const requests: SeenRequest[] = []
  const tokenRequests: SeenRequest[] = []
  let answers: Answering[] = [json(200, {})]
  let tokenAnswers: Answering[] = [giveToken(3_600)]

  const server = createServer(async (request, response) => {
    const body = await text(request).catch(() => '')
    const seen = { method: request.method ?? '', path: request.url ?? '', headers: request.headers, body }
    const isForToken = seen.path === '/oauth2/access_token'
    const list = isForToken ? tokenRequests : requests
    list.push(seen)
    const script = isForToken ? tokenAnswers : answers
    const answering = script.length > 1 ? script.shift() : script[0]
    answering?.(response, { ...seen, number: list.length } as SeenRequest)
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  return {
    url,
    credentials: { key: 'client', secret: 'canary-secret', providerUrl: `${url}/oauth2` },
    requests,
    tokenRequests,
    answer(...script) {
      answers = script
    },
    answerTokens(...script) {
      tokenAnswers = script
    },
    async close() {
      server.closeAllConnections()
      server.close()
      await once(server, 'close')
    },
  }
}

export function json(status: number, body: unknown, headers: Record<string, string> = {}): Answering {
  return raw(status, JSON.stringify(body), { 'content-type': 'application/json', ...headers })
}

export function raw(status: number, body: string, headers: Record<string, string> = {}): Answering {
  return (response) => response.writeHead(status, headers).end(body)
}

export function giveToken(lifetimeSeconds: number): Answering {
  return (response, request) => {
    const { number } = request as SeenRequest & { number: number }
    const body = { access_token: `canary-token-${number}`, expires_in: lifetimeSeconds, token_type: 'JWT' }
    json(200, body)(response, request)
  }
}

/** Closes the connection without a word. */
export const drop: Answering = (response) => void response.socket?.destroy()

/** Closes the connection in the middle of the answer. */
export const breakOff: Answering = (response) => {
  response.writeHead(200, { 'content-type': 'application/json', 'content-length': '1000' })
  response.write('{"results": [')
  setTimeout(() => response.socket?.destroy(), 20)
}

/** Never answers. */
export const hang: Answering = () => {}
