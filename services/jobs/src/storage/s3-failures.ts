import { DomainError, Reason } from '#kit/errors.ts'
import { objectNotFound } from './object-paths.ts'

/** What the SDK throws: the service's answer, or no answer at all. */
type SdkError = Error & { $metadata: { httpStatusCode?: number }; Code?: string; code?: string }

const waitSeconds = 5
// 4xx that are about the moment, not about us.
const passing =
  /^(RequestTimeout|TooManyRequests|Throttling|SlowDown|OperationAborted|NoSuchUpload|PreconditionFailed)/

/**
 * An error of the SDK as the storage tells it; others as they are. The message names S3's code alone, never a bucket or key: it ends
 * up in jobs.
 */
export function explainS3Error(error: unknown): unknown {
  if (!isSdkError(error)) return error
  const { httpStatusCode: status = 0 } = error.$metadata
  const code = codeOf(error)
  if (status === 404 && /^(NoSuchKey|NotFound)$/.test(code)) return objectNotFound()
  if (code === 'CredentialsProviderError' || (status >= 300 && status < 500 && !isPassing(status, code))) {
    return new DomainError(Reason.STORAGE_REFUSED, `the storage refuses (${code})`, {
      retryAfterSeconds: waitSeconds,
      cause: error,
    })
  }
  return new DomainError(Reason.UNAVAILABLE, `the storage does not work (${code})`, {
    retryAfterSeconds: waitSeconds,
    cause: error,
  })
}

/** Does something with S3 and throws what the storage tells. */
export async function explained<T>(work: () => Promise<T>): Promise<T> {
  try {
    return await work()
  } catch (error) {
    throw explainS3Error(error)
  }
}

export function isMissingBucket(error: unknown): boolean {
  return isSdkError(error) && codeOf(error) === 'NoSuchBucket'
}

function isPassing(status: number, code: string): boolean {
  return status === 408 || status === 409 || status === 412 || status === 429 || passing.test(code)
}

function codeOf(error: SdkError): string {
  return error.Code ?? error.code ?? error.name
}

function isSdkError(error: unknown): error is SdkError {
  if (!(error instanceof Error)) return false
  return '$metadata' in error || error.name === 'CredentialsProviderError'
}
