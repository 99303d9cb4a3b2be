import { create, type MessageInitShape } from '@bufbuild/protobuf'
import { DurationSchema } from '@bufbuild/protobuf/wkt'
import { Code, ConnectError } from '@connectrpc/connect'
import { BadRequestSchema, ErrorInfoSchema, RetryInfoSchema } from '#proto/google/rpc/error_details_pb.ts'
import { ReasonSchema } from '#proto/registrar/errors/v1/reason_pb.ts'
import { DomainError, type KnownReason, Reason } from './errors.ts'
import { outageOf } from './outages.ts'

/** The domain of every `google.rpc.ErrorInfo` that we send. */
export const errorDomain = 'registrar'

/** The status code that goes with each reason: the one table at the edge from domain to RPC. */
export const codeOf: Readonly<Record<KnownReason, Code>> = {
  [Reason.UNSPECIFIED]: Code.Internal,
  [Reason.CREDENTIALS_MISSING]: Code.Unauthenticated,
  [Reason.TOKEN_INVALID]: Code.Unauthenticated,
  [Reason.TOKEN_USERNAME_MISSING]: Code.Unauthenticated,
  [Reason.USER_INACTIVE]: Code.Unauthenticated,
  [Reason.TOKEN_RESTRICTED]: Code.PermissionDenied,
  [Reason.PERMISSION_DENIED]: Code.PermissionDenied,
  [Reason.COURSE_STAFF_DISABLED]: Code.PermissionDenied,
  [Reason.INVALID_ARGUMENT]: Code.InvalidArgument,
  [Reason.PAGE_TOKEN_INVALID]: Code.InvalidArgument,
  [Reason.TOO_LARGE]: Code.InvalidArgument,
  [Reason.CSV_INVALID]: Code.InvalidArgument,
  [Reason.IDEMPOTENCY_KEY_REUSED]: Code.InvalidArgument,
  [Reason.PROGRAM_NOT_FOUND]: Code.NotFound,
  [Reason.ORGANIZATION_NOT_FOUND]: Code.NotFound,
  [Reason.COURSE_NOT_FOUND]: Code.NotFound,
  [Reason.JOB_NOT_FOUND]: Code.NotFound,
  [Reason.USER_NOT_FOUND]: Code.NotFound,
  [Reason.GROUP_NOT_FOUND]: Code.NotFound,
  [Reason.OBJECT_NOT_FOUND]: Code.NotFound,
  [Reason.GRANT_NOT_FOUND]: Code.NotFound,
  [Reason.ALREADY_EXISTS]: Code.AlreadyExists,
  [Reason.WRITE_IN_PROGRESS]: Code.Aborted,
  [Reason.IDEMPOTENCY_KEY_IN_USE]: Code.Aborted,
  [Reason.NO_ACTIVE_CURRICULUM]: Code.FailedPrecondition,
  [Reason.RESULT_NOT_READY]: Code.FailedPrecondition,
  [Reason.WRONG_BACKEND]: Code.FailedPrecondition,
  [Reason.JOB_ENDED]: Code.FailedPrecondition,
  [Reason.UNAVAILABLE]: Code.Unavailable,
  [Reason.UPSTREAM_FAILED]: Code.Unavailable,
  [Reason.UPSTREAM_UNAVAILABLE]: Code.Unavailable,
  [Reason.UPSTREAM_TIMEOUT]: Code.DeadlineExceeded,
  [Reason.DEADLINE_EXCEEDED]: Code.DeadlineExceeded,
  [Reason.RATE_LIMITED]: Code.ResourceExhausted,
  [Reason.STORAGE_REFUSED]: Code.Unavailable,
  [Reason.INTERNAL]: Code.Internal,
}

const isAway = 'a part of this system is away'

/** Any error as the caller may see it. What the caller must not see is kept as `cause`, for the log. */
export function toConnectError(error: unknown): ConnectError {
  if (error instanceof DomainError) return fromDomainError(error)
  if (error instanceof ConnectError) return passOn(error)
  switch (outageOf(error)) {
    case 'away':
      return fromDomainError(unavailable(isAway, error))
    case 'busy':
      return fromDomainError(unavailable('the database is busy', error))
    case 'timeout':
      return fromDomainError(deadlineExceeded('the database took too long', error))
    default:
      return fromDomainError(internal(error))
  }
}

function fromDomainError(error: DomainError): ConnectError {
  const reason = ReasonSchema.value[error.reason]?.localName ?? 'INTERNAL'
  const details = [detail(ErrorInfoSchema, { reason, domain: errorDomain, metadata: error.metadata })]
  if (error.fields.length > 0) {
    details.push(detail(BadRequestSchema, { fieldViolations: error.fields }))
  }
  if (error.retryAfterSeconds !== undefined) {
    const retryDelay = create(DurationSchema, { seconds: BigInt(Math.ceil(error.retryAfterSeconds)) })
    details.push(detail(RetryInfoSchema, { retryDelay }))
  }
  return new ConnectError(
    error.message,
    codeOf[error.reason as KnownReason] ?? Code.Internal,
    undefined,
    details,
    error,
  )
}

// An error of a service that we called, or one that Connect made. What names its reason goes on as it is, details and all;
// the rest is told in our words, since a bare status (a refused connection, a passed deadline) says nothing to a caller.
function passOn(error: ConnectError): ConnectError {
  if (reasonOf(error) !== undefined) return withoutMetadata(error)
  if (isConnectionLost(error)) return fromDomainError(unavailable(isAway, error))
  switch (error.code) {
    case Code.DeadlineExceeded:
      return fromDomainError(deadlineExceeded('the call took longer than its deadline', error))
    case Code.Internal:
    case Code.Unknown:
    case Code.DataLoss:
      return fromDomainError(internal(error))
    default:
      return withoutMetadata(error)
  }
}

// Headers of the service that we called (its content type, its request id) are not headers of our answer.
function withoutMetadata(error: ConnectError): ConnectError {
  const copy = new ConnectError(error.rawMessage, error.code, undefined, undefined, error)
  copy.details = error.details
  return copy
}

/** Whether a call failed because its connection broke or could not be made, whatever code Connect gave that. */
export function isConnectionLost(error: unknown): boolean {
  if (!(error instanceof ConnectError)) return false
  if (error.code === Code.Unavailable) return true
  // The codes that Connect gives to resets and to sockets that end are many; only these never come from a handler of ours.
  return (
    (error.code === Code.Aborted || error.code === Code.Internal) &&
    reasonOf(error) === undefined &&
    (/http\/2 stream closed|REFUSED_STREAM|ECONNRESET|EPIPE|GOAWAY|session|socket/i.test(error.rawMessage) ||
      /^(ERR_HTTP2|ERR_STREAM|ERR_SSL|ECONN|EPIPE)/.test(nodeCodeOf(error.cause)))
  )
}

function nodeCodeOf(cause: unknown): string {
  return cause instanceof Error && 'code' in cause ? String(cause.code) : ''
}

function unavailable(message: string, cause: unknown): DomainError {
  return new DomainError(Reason.UNAVAILABLE, message, { retryAfterSeconds: 1, cause })
}

function deadlineExceeded(message: string, cause: unknown): DomainError {
  return new DomainError(Reason.DEADLINE_EXCEEDED, message, { cause })
}

function internal(cause: unknown): DomainError {
  return new DomainError(Reason.INTERNAL, 'internal error', { cause })
}

type OutgoingDetails = NonNullable<ConstructorParameters<typeof ConnectError>[3]>
type DetailSchema = typeof ErrorInfoSchema | typeof BadRequestSchema | typeof RetryInfoSchema

function detail<D extends DetailSchema>(desc: D, value: MessageInitShape<D>): OutgoingDetails[number] {
  return { desc, value }
}

/** The reason that an error carries, also one of a service that was called; undefined when it names none of ours. */
export function reasonOf(error: unknown): Reason | undefined {
  if (error instanceof DomainError) return error.reason
  const name = infoOf(error)?.reason
  return name === undefined
    ? undefined
    : (ReasonSchema.values.find((value) => value.localName === name)?.number as KnownReason | undefined)
}

/** The name of that reason, for logs and traces. */
export function reasonNameOf(error: unknown): string | undefined {
  const reason = reasonOf(error)
  return reason === undefined ? undefined : ReasonSchema.value[reason]?.localName
}

/** The metadata that goes with `reasonOf`; empty when there is none. */
export function metadataOf(error: unknown): Record<string, string> {
  return error instanceof DomainError ? error.metadata : (infoOf(error)?.metadata ?? {})
}

/** The fields that the error says are wrong; empty when it names none. */
export function fieldsOf(error: unknown): { field: string; description: string }[] {
  if (error instanceof DomainError) return error.fields
  return findDetails(error, BadRequestSchema)
    .flatMap((each) => each.fieldViolations)
    .map(({ field, description }) => ({ field, description }))
}

/** In how many seconds the error says to come back; undefined when it does not say. */
export function retryAfterOf(error: unknown): number | undefined {
  if (error instanceof DomainError) return error.retryAfterSeconds
  const delay = findDetails(error, RetryInfoSchema)[0]?.retryDelay
  return delay === undefined ? undefined : Number(delay.seconds) + delay.nanos / 1e9
}

function infoOf(error: unknown) {
  return findDetails(error, ErrorInfoSchema).find(({ domain }) => domain === errorDomain)
}

function findDetails<D extends DetailSchema>(error: unknown, schema: D) {
  return error instanceof ConnectError ? error.findDetails(schema) : []
}
