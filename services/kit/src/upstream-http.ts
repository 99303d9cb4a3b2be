import { TaskCancelledError, TimeoutStrategy, timeout } from 'cockatiel'
import { Agent, type Dispatcher } from 'undici'
import { UpstreamFailure } from './upstream-failure.ts'

/** One HTTP request to an upstream. */
export type HttpRequest = {
  method: 'GET' | 'POST' | 'PATCH' | 'PUT'
  origin: string
  /** With the query. */
  path: string
  headers: Record<string, string>
  body?: string
}

/** An answer, whatever its status. */
export type HttpAnswer = { status: number; headers: Dispatcher.ResponseData['headers']; text: string }

export type HttpLimits = { connectMs: number; answerMs: number; maxBytes: number; connections: number }

export type HttpSender = {
  /** Follows redirects to the same origin. Throws an UpstreamFailure, or the signal's reason. */
  send(request: HttpRequest, signal?: AbortSignal): Promise<HttpAnswer>
  close(): Promise<void>
}

const maximumRedirects = 3

/** Sends requests over kept connections, each within a time and a size. */
export function createHttpSender({ connectMs, answerMs, maxBytes, connections }: HttpLimits): HttpSender {
  const agent = new Agent({
    connections,
    connect: { timeout: connectMs },
    // An idle connection is ours to close before a server does: a write sent into a connection that is just being closed is lost.
    keepAliveTimeout: 1_000,
    headersTimeout: answerMs,
    bodyTimeout: answerMs,
    maxResponseSize: maxBytes,
    allowH2: false,
  })
  const withinTime = timeout(answerMs, TimeoutStrategy.Aggressive)

  async function sendOnce(request: HttpRequest, signal: AbortSignal): Promise<HttpAnswer> {
    const { statusCode: status, headers, body } = await agent.request({ ...request, signal })
    return { status, headers, text: await body.text() }
  }

  async function sendFollowing(request: HttpRequest, signal: AbortSignal): Promise<HttpAnswer> {
    let next = request
    for (let redirects = 0; ; redirects++) {
      const answer = await sendOnce(next, signal)
      const path = pathRedirectedTo(next, answer)
      if (path === undefined) return answer
      if (redirects === maximumRedirects) {
        throw new UpstreamFailure('astray', `${describe(request)} was redirected again and again`)
      }
      next = { ...next, path }
    }
  }

  return {
    async send(request, signal) {
      try {
        return await withinTime.execute((context) => sendFollowing(request, context.signal), signal)
      } catch (error) {
        signal?.throwIfAborted()
        throw error instanceof UpstreamFailure ? error : failureOf(request, error)
      }
    },
    close: () => agent.destroy(),
  }
}

/** Undefined when the answer is no redirect that may be followed with this method. */
function pathRedirectedTo(request: HttpRequest, { status, headers }: HttpAnswer): string | undefined {
  const isFollowed =
    status === 307 || status === 308 || ([301, 302].includes(status) && request.method === 'GET')
  const { location } = headers
  if (!isFollowed || typeof location !== 'string') return undefined
  const target = URL.parse(location, `${request.origin}${request.path}`)
  // The token that goes along is for one origin only.
  if (target?.origin !== request.origin) {
    throw new UpstreamFailure('astray', `${describe(request)} was redirected to another origin`)
  }
  return `${target.pathname}${target.search}`
}

const unreachableCodes = new Set([
  'ECONNREFUSED',
  'ENOTFOUND',
  'EAI_AGAIN',
  'EHOSTUNREACH',
  'ENETUNREACH',
  'ECONNABORTED',
  'UND_ERR_CONNECT_TIMEOUT',
])
const slowCodes = new Set(['UND_ERR_HEADERS_TIMEOUT', 'UND_ERR_BODY_TIMEOUT'])

function failureOf(request: HttpRequest, cause: unknown): UpstreamFailure {
  const code = codeOf(cause)
  const what = describe(request)
  if (cause instanceof TaskCancelledError || slowCodes.has(code)) {
    return new UpstreamFailure('slow', `${what} took too long`)
  }
  if (unreachableCodes.has(code) || isCertificateFault(code)) {
    return new UpstreamFailure('unreachable', `${what} found no connection`, { cause })
  }
  if (code === 'UND_ERR_RES_EXCEEDED_MAX_SIZE') {
    return new UpstreamFailure('oversized', `${what} was answered with too many bytes`)
  }
  return new UpstreamFailure('broken', `${what} was broken off`, { cause })
}

// A name with several addresses fails with an error for each of them.
function codeOf(error: unknown): string {
  if (error instanceof AggregateError && error.errors.length > 0) return codeOf(error.errors[0])
  return error instanceof Error && 'code' in error ? String(error.code) : ''
}

function isCertificateFault(code: string): boolean {
  return /CERT|^ERR_TLS|^ERR_SSL|^UNABLE_TO_/.test(code)
}

// A query may hold a cursor: for the log the path is enough.
function describe({ method, origin, path }: HttpRequest): string {
  return `${method} ${origin}${path.replace(/\?.*$/s, '')}`
}
