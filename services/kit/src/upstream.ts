import { BrokenCircuitError, DelegateBackoff, handleWhen, retry } from 'cockatiel'
import type { Logger } from './logger.ts'
import type { Metrics } from './metrics.ts'
import { createUpstreamMeter, noUpstreamMeter } from './metrics-upstream.ts'
import { raceWithAbort } from './streams.ts'
import { bindToTrace } from './tracing.ts'
import { traceSender } from './tracing-upstream.ts'
import { failureOfStatus, parseBody } from './upstream-answer.ts'
import { leftAlone, toUpstreamError, UpstreamFailure, type UpstreamName } from './upstream-failure.ts'
import { createUpstreamGuard, restSeconds } from './upstream-guard.ts'
import { createHttpSender, type HttpRequest } from './upstream-http.ts'
import { createUpstreamTokens, type UpstreamCredentials } from './upstream-token.ts'

export type UpstreamOptions = {
  name: UpstreamName
  /** Paths of calls are below it. */
  baseUrl: string
  /** Without them calls carry no token. */
  credentials: UpstreamCredentials | undefined
  logger: Logger
  /** Measures the requests; nothing is measured when absent. */
  metrics?: Metrics
  limits?: {
    /** To connect; 3 seconds by default. */
    connectMs?: number
    /** For a whole answer, each try; 10 seconds by default. */
    answerMs?: number
    /** Calls at once; 32 by default, of which one key has a quarter. */
    concurrency?: number
    /** Of an answer; 16 MiB by default. */
    maxBytes?: number
  }
}

export type UpstreamCall = {
  /** One of the few things that are asked of the upstream, such as `list_programs`: for metrics. */
  operation: string
  method: HttpRequest['method']
  /** Below the base URL, or an absolute URL of the same origin such as a `next` link. */
  path: string
  query?: Record<string, string>
  /** Sent as JSON. */
  body?: unknown
  /** Ends the call, waiting and repeating included. */
  signal?: AbortSignal
  requestId?: string
  /** Whom the call is for (a program): calls of one key cannot take the places of all others. */
  key?: string
  /** Whether the call may be repeated when it may have had its effect already; by default GET and PUT may. */
  repeatable?: boolean
  /** Statuses of 400 and more that are returned. */
  accept?: readonly number[]
}

export type UpstreamAnswer = {
  status: number
  /** Parsed JSON; undefined when it is empty, or no JSON beside a status of 400 or more. */
  body: unknown
}

export type Upstream = {
  /**
   * UPSTREAM_UNAVAILABLE, UPSTREAM_TIMEOUT or UPSTREAM_FAILED when it has failed for good, with `status` in the metadata if there
   * was an answer; or the signal's reason.
   */
  call(call: UpstreamCall): Promise<UpstreamAnswer>
  close(): Promise<void>
}

/**
 * A client of an Open edX service: OAuth2 tokens, kept connections, limits of time and size, repeated tries, and rest for an
 * upstream that is away.
 *
 * A failed try is repeated up to five times, for fifteen seconds: always when it has certainly had no effect, and if the call is
 * repeatable when it may have had. The token is never sent to another origin than the base URL's.
 */
export function createUpstream({
  name,
  baseUrl,
  credentials,
  logger,
  metrics,
  limits = {},
}: UpstreamOptions): Upstream {
  const { connectMs = 3_000, answerMs = 10_000, concurrency = 32, maxBytes = 16 * 1024 * 1024 } = limits
  // More connections than places: a token is fetched while a call holds its place.
  const http = traceSender(
    name,
    createHttpSender({ connectMs, answerMs, maxBytes, connections: concurrency + 4 }),
  )
  const meter = metrics === undefined ? noUpstreamMeter : createUpstreamMeter(metrics, name)
  const tokens = credentials && createUpstreamTokens(credentials, http, meter)
  const guard = createUpstreamGuard(name, concurrency, logger, meter.leftAlone)

  async function tryOnce(call: UpstreamCall, signal: AbortSignal): Promise<UpstreamAnswer> {
    const request = requestFor(baseUrl, call)
    const token = await tokens?.get()
    let answer = await http.send(withToken(request, token), signal)
    if (answer.status === 401 && tokens !== undefined && token !== undefined) {
      tokens.drop(token)
      answer = await http.send(withToken(request, await tokens.get()), signal)
    }
    const what = `${call.method} ${request.path.replace(/\?.*$/s, '')}`
    const isGood = answer.status < 300 || call.accept?.includes(answer.status) === true
    if (!isGood) throw failureOfStatus(answer, what)
    return { status: answer.status, body: parseBody(answer, what) }
  }

  return {
    async call(call) {
      const signal = call.signal ?? neverAborted
      // Who waits for a place gets it from whoever leaves one.
      const once = bindToTrace(() => meter.time(call.operation, () => tryOnce(call, signal)))
      const attempt = () => guard.run(call.key ?? '', once, signal)
      try {
        signal.throwIfAborted()
        const tries = retrying(call)
        tries.onRetry(meter.triedAgain)
        return await raceWithAbort(tries.execute(attempt, signal), signal)
      } catch (error) {
        signal.throwIfAborted()
        if (error instanceof BrokenCircuitError) {
          meter.refused()
          throw leftAlone(name, restSeconds, error)
        }
        throw error instanceof UpstreamFailure ? toUpstreamError(name, error) : error
      }
    },
    close: () => http.close(),
  }
}

const neverAborted = new AbortController().signal
const maximumRepeats = 5
const repeatForMs = 15_000
const longestPauseSeconds = 5
const firstPauseMs = 100

function retrying({ method, repeatable = method === 'GET' || method === 'PUT' }: UpstreamCall) {
  const endsAt = Date.now() + repeatForMs
  const mayRepeat = (error: unknown) =>
    error instanceof UpstreamFailure &&
    error.isFleeting &&
    (repeatable || error.isUndone) &&
    (error.retryAfterSeconds ?? 0) <= longestPauseSeconds &&
    Date.now() < endsAt
  return retry(handleWhen(mayRepeat), {
    maxAttempts: maximumRepeats,
    backoff: new DelegateBackoff(({ attempt, result }) => pauseAfter(attempt, result)),
  })
}

// Half of a pause is chance, so that those who failed together do not come back together.
function pauseAfter(attempt: number, result: object): number {
  const failure = 'error' in result && result.error instanceof UpstreamFailure ? result.error : undefined
  const asked = (failure?.retryAfterSeconds ?? 0) * 1_000
  return Math.max(asked, firstPauseMs * 2 ** (attempt - 1)) * (1 + Math.random() / 2)
}

function requestFor(baseUrl: string, { method, path, query, body, requestId }: UpstreamCall): HttpRequest {
  const base = new URL(baseUrl)
  return {
    method,
    origin: base.origin,
    path: addQuery(pathBelow(base, path), query),
    headers: {
      accept: 'application/json',
      'user-agent': 'registrar',
      ...(requestId !== undefined && { 'x-request-id': requestId }),
      ...(body !== undefined && { 'content-type': 'application/json' }),
    },
    ...(body !== undefined && { body: JSON.stringify(body) }),
  }
}

function pathBelow(base: URL, path: string): string {
  if (!/^[a-z][a-z\d+.-]*:/i.test(path)) return `${base.pathname.replace(/\/+$/, '')}${path}`
  const target = URL.parse(path)
  if (target?.origin !== base.origin) {
    throw new UpstreamFailure('astray', 'a link leads to another origin, which gets no token of ours')
  }
  return `${target.pathname}${target.search}`
}

function addQuery(path: string, query: Record<string, string> = {}): string {
  const added = new URLSearchParams(query).toString()
  if (added === '') return path
  return `${path}${path.includes('?') ? '&' : '?'}${added}`
}

function withToken(request: HttpRequest, token: string | undefined): HttpRequest {
  if (token === undefined) return request
  return { ...request, headers: { ...request.headers, authorization: `JWT ${token}` } }
}
