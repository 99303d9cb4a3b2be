import { Code, ConnectError } from '@connectrpc/connect'
import { type KnownReason, Reason } from '#kit/errors.ts'
import { isConnectionLost, reasonOf, retryAfterOf } from '#kit/rpc-errors.ts'

/** An answer that is not a success: what goes out, to the byte. */
export class HttpFault extends Error {
  readonly status: number
  /** The body as JSON will show it. */
  readonly body: unknown
  readonly headers: Readonly<Record<string, string>>

  constructor(
    status: number,
    body: unknown,
    options: { headers?: Record<string, string>; cause?: unknown } = {},
  ) {
    super(`HTTP ${status}`, options.cause === undefined ? undefined : { cause: options.cause })
    this.name = 'HttpFault'
    this.status = status
    this.body = body
    this.headers = options.headers ?? {}
  }
}

export const notFoundText = 'Not found.'
export const notPermittedText = 'You do not have permission to perform this action.'
export const courseStaffText = '"course_staff" not accepted since role assignment is not enabled'
const internalText = 'Internal server error.'
const unavailableText = 'Service temporarily unavailable, try again later.'

/** The contract's shape for everything but validation errors. */
export function detail(status: number, text: string): HttpFault {
  return new HttpFault(status, { detail: text })
}

/** The contract's shape for validation errors. */
export function invalid(text: string): HttpFault {
  return new HttpFault(400, [text])
}

type Row = { status: number; body: (message: string) => unknown }

const fixed = (status: number, text: string): Row => ({ status, body: () => ({ detail: text }) })
const spoken = (status: number): Row => ({ status, body: (message) => ({ detail: message }) })
const listed = (status: number): Row => ({ status, body: (message) => [message] })

/** The HTTP status and body that go with each reason: the one table at the edge from RPC to HTTP. */
export const rowOf: Readonly<Record<KnownReason, Row>> = {
  [Reason.UNSPECIFIED]: fixed(500, internalText),
  [Reason.CREDENTIALS_MISSING]: fixed(401, 'Authentication credentials were not provided.'),
  [Reason.TOKEN_INVALID]: fixed(401, 'Invalid token.'),
  [Reason.TOKEN_USERNAME_MISSING]: fixed(401, 'JWT must include a preferred_username or username claim!'),
  [Reason.USER_INACTIVE]: fixed(401, 'User inactive or deleted.'),
  [Reason.TOKEN_RESTRICTED]: fixed(403, notPermittedText),
  [Reason.PERMISSION_DENIED]: fixed(403, notPermittedText),
  [Reason.COURSE_STAFF_DISABLED]: fixed(403, courseStaffText),
  [Reason.INVALID_ARGUMENT]: listed(400),
  [Reason.PAGE_TOKEN_INVALID]: listed(400),
  [Reason.TOO_LARGE]: spoken(413),
  [Reason.CSV_INVALID]: listed(400),
  [Reason.IDEMPOTENCY_KEY_REUSED]: spoken(422),
  [Reason.PROGRAM_NOT_FOUND]: fixed(404, notFoundText),
  [Reason.ORGANIZATION_NOT_FOUND]: fixed(404, notFoundText),
  [Reason.COURSE_NOT_FOUND]: fixed(404, notFoundText),
  [Reason.JOB_NOT_FOUND]: fixed(404, notFoundText),
  [Reason.USER_NOT_FOUND]: fixed(404, notFoundText),
  [Reason.GROUP_NOT_FOUND]: fixed(404, notFoundText),
  [Reason.OBJECT_NOT_FOUND]: fixed(404, notFoundText),
  [Reason.GRANT_NOT_FOUND]: fixed(404, notFoundText),
  [Reason.ALREADY_EXISTS]: spoken(409),
  [Reason.WRITE_IN_PROGRESS]: { status: 409, body: () => 'Job already in progress for program' },
  [Reason.IDEMPOTENCY_KEY_IN_USE]: spoken(409),
  [Reason.NO_ACTIVE_CURRICULUM]: fixed(
    422,
    'The program has no active curriculum, so nobody can be enrolled in it.',
  ),
  [Reason.RESULT_NOT_READY]: spoken(409),
  [Reason.WRONG_BACKEND]: spoken(409),
  [Reason.JOB_ENDED]: fixed(409, 'The job has ended already.'),
  [Reason.UNAVAILABLE]: fixed(503, unavailableText),
  [Reason.UPSTREAM_FAILED]: fixed(502, 'The learning platform answered with an error, try again later.'),
  [Reason.UPSTREAM_UNAVAILABLE]: fixed(503, 'The learning platform is unavailable, try again later.'),
  [Reason.UPSTREAM_TIMEOUT]: fixed(504, 'The learning platform did not answer in time, try again later.'),
  [Reason.DEADLINE_EXCEEDED]: fixed(504, 'The request took too long, try again later.'),
  [Reason.RATE_LIMITED]: fixed(429, 'Request was throttled.'),
  [Reason.STORAGE_REFUSED]: fixed(503, unavailableText),
  [Reason.INTERNAL]: fixed(500, internalText),
}

const comeBack = new Set([429, 502, 503, 504])
const defaultRetrySeconds = 5

/** What a partner sees of an error, whatever it is. The cause stays inside, for the log. */
export function toHttpFault(error: unknown): HttpFault {
  if (error instanceof HttpFault) return error
  const row = rowOf[reasonIn(error) as KnownReason] ?? rowOf[Reason.INTERNAL]
  return new HttpFault(row.status, row.body(messageOf(error)), {
    headers: headersFor(row.status, retryAfterOf(error)),
    cause: error,
  })
}

function headersFor(status: number, retryAfter: number | undefined): Record<string, string> {
  if (status === 401) return { 'www-authenticate': 'JWT realm="api"' }
  // Some conflicts pass by themselves, and say when.
  const passes = status === 409 && retryAfter !== undefined
  if (!comeBack.has(status) && !passes) return {}
  return { 'retry-after': String(Math.max(1, Math.ceil(retryAfter ?? defaultRetrySeconds))) }
}

// A call that never reached a service, or broke on the way, carries no reason.
function reasonIn(error: unknown): Reason {
  const reason = reasonOf(error)
  if (reason !== undefined) return reason
  if (!(error instanceof ConnectError)) return Reason.INTERNAL
  if (error.code === Code.DeadlineExceeded) return Reason.DEADLINE_EXCEEDED
  return isConnectionLost(error) || error.code === Code.Aborted ? Reason.UNAVAILABLE : Reason.INTERNAL
}

function messageOf(error: unknown): string {
  if (error instanceof ConnectError) return error.rawMessage
  return error instanceof Error ? error.message : ''
}
