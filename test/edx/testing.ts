import type { StandIn } from './server.ts'

export type StandInAnswer = { status: number; headers: Headers; text: string; body: unknown }

/** Calls a stand-in; `body` of the answer is its JSON, or its text when it is none. */
export async function callStandIn(
  server: StandIn,
  path: string,
  options: { method?: string; token?: string; body?: unknown } = {},
): Promise<StandInAnswer> {
  const { method = 'GET', token, body } = options
  const response = await fetch(path.startsWith('http') ? path : `${server.url}${path}`, {
    method,
    redirect: 'manual',
    headers: {
      ...(token !== undefined && { authorization: `JWT ${token}` }),
      ...(body !== undefined && { 'content-type': 'application/json' }),
    },
    ...(body !== undefined && { body: JSON.stringify(body) }),
  })
  const text = await response.text()
  const isJson = response.headers.get('content-type')?.includes('json') === true && text !== ''
  return { status: response.status, headers: response.headers, text, body: isJson ? JSON.parse(text) : text }
}
