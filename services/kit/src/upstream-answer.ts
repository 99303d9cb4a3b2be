import { type Fault, UpstreamFailure } from './upstream-failure.ts'
import type { HttpAnswer } from './upstream-http.ts'

/** The answer's JSON; undefined when it is empty, or when its status is an error's and it is no JSON. */
export function parseBody({ status, text }: HttpAnswer, what: string): unknown {
  if (text.trim() === '') return undefined
  try {
    return JSON.parse(text)
  } catch {
    if (status >= 400) return undefined
    // What the parser says quotes the text.
    throw new UpstreamFailure('nonsense', `${what} was answered with something that is not JSON`, { status })
  }
}

/** What it means that a call was answered with this status. */
export function failureOfStatus(
  { status, headers }: Omit<HttpAnswer, 'text'>,
  what: string,
): UpstreamFailure {
  const retryAfterSeconds = readRetryAfter(headers['retry-after'])
  const options = { status, ...(retryAfterSeconds !== undefined && { retryAfterSeconds }) }
  return new UpstreamFailure(faultOfStatus(status), `${what} was answered with ${status}`, options)
}

function faultOfStatus(status: number): Fault {
  if (status === 401) return 'unauthorized'
  if (status === 429 || status === 503) return 'busy'
  return status >= 500 ? 'failed' : 'refused'
}

const longestWaitSeconds = 3_600

/** Seconds from a number of them or from a date; undefined when it is neither. */
function readRetryAfter(value: string | string[] | undefined): number | undefined {
  if (typeof value !== 'string' || value.trim() === '') return undefined
  const seconds = /^\s*\d+\s*$/.test(value) ? Number(value) : (Date.parse(value) - Date.now()) / 1_000
  return Number.isNaN(seconds) ? undefined : Math.min(Math.max(seconds, 0), longestWaitSeconds)
}
