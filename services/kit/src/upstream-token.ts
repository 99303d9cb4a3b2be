import {
  allowInsecureRequests,
  ClientSecretPost,
  clientCredentialsGrantRequest,
  customFetch,
  processClientCredentialsResponse,
} from 'oauth4webapi'
import type { UpstreamMeter } from './metrics-upstream.ts'
import { failureOfStatus } from './upstream-answer.ts'
import { UpstreamFailure } from './upstream-failure.ts'
import type { HttpSender } from './upstream-http.ts'

/** What a client of an Open edX installation proves itself with. */
export type UpstreamCredentials = {
  key: string
  secret: string
  /** The token endpoint is `access_token` under it. */
  providerUrl: string
}

export type UpstreamTokens = {
  /** A token that is good for some seconds at least; asked for once, however many wait. UpstreamFailure, always undone. */
  get(): Promise<string>
  /** Forgets a token that the upstream has refused. */
  drop(token: string): void
}

type Token = { value: string; expiresAt: number }

const earlyMs = 5_000
const defaultLifetimeSeconds = 60

/** Gets access tokens by the client credentials grant, as JWT. */
export function createUpstreamTokens(
  credentials: UpstreamCredentials,
  http: HttpSender,
  meter: Pick<UpstreamMeter, 'time'>,
): UpstreamTokens {
  let token: Token | undefined
  let flight: Promise<Token> | undefined

  async function fetchOnce(): Promise<Token> {
    flight ??= meter
      .time('get_token', () => fetchToken(credentials, http))
      .finally(() => {
        flight = undefined
      })
    token = await flight
    return token
  }

  return {
    async get() {
      if (token !== undefined && Date.now() < token.expiresAt - earlyMs) return token.value
      return (await fetchOnce()).value
    },
    drop(value) {
      if (token?.value === value) token = undefined
    },
  }
}

async function fetchToken(
  { key, secret, providerUrl }: UpstreamCredentials,
  http: HttpSender,
): Promise<Token> {
  const server = { issuer: providerUrl, token_endpoint: `${providerUrl}/access_token` }
  const client = { client_id: key }
  try {
    const response = await clientCredentialsGrantRequest(
      server,
      client,
      ClientSecretPost(secret),
      { token_type: 'jwt' },
      { [customFetch]: fetchBy(http), [allowInsecureRequests]: true },
    )
    const answer = await processClientCredentialsResponse(server, client, response, {
      recognizedTokenTypes: { jwt: () => {} },
    })
    const lifetime = answer.expires_in ?? defaultLifetimeSeconds
    return { value: answer.access_token, expiresAt: Date.now() + lifetime * 1_000 }
  } catch (error) {
    throw asUndone(error)
  }
}

/** The library's way to the network is ours: the same connections, limits and failures as every other call. */
function fetchBy(http: HttpSender) {
  return async (
    url: string,
    { headers, body }: { headers: Record<string, string>; body: URLSearchParams },
  ): Promise<Response> => {
    const { origin, pathname, search } = new URL(url)
    const path = `${pathname}${search}`
    const answer = await http.send({ method: 'POST', origin, path, headers, body: body.toString() })
    if (answer.status !== 200) throw failureOfStatus(answer, 'the token endpoint')
    // Some leave the type out, which only says how to send the token.
    const json = JSON.stringify({ token_type: 'jwt', ...(JSON.parse(answer.text) as object) })
    return new Response(json, { headers: { 'content-type': 'application/json' } })
  }
}

// Whatever went wrong here, the call that needs the token has not been sent. What the library says may quote the answer.
function asUndone(error: unknown): UpstreamFailure {
  if (!(error instanceof UpstreamFailure)) {
    return new UpstreamFailure('nonsense', 'the token endpoint gave no token', { isUndone: true })
  }
  const { message, status, retryAfterSeconds, cause } = error
  const fault = error.fault === 'refused' ? 'unauthorized' : error.fault
  return new UpstreamFailure(fault, message, { status, retryAfterSeconds, isUndone: true, cause })
}
