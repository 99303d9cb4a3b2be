import { DomainError, Reason } from '#kit/errors.ts'

/** What is read from the LMS, as the sentences about it call it. */
export type Subject = 'enrollment' | 'grade'

/** The LMS answered to a read with an error's status. */
export function readRefused(subject: Subject, status: number, path: string): DomainError {
  return new DomainError(Reason.UPSTREAM_FAILED, `HTTP error ${status} when getting ${subject}s at ${path}`, {
    metadata: { upstream: 'LMS', fault: 'refused', status: String(status) },
  })
}

/** The LMS told something that is no enrollment or grade. `what` names fields and places, never what is in them. */
export function invalidData(subject: Subject, what: string): DomainError {
  return new DomainError(Reason.UPSTREAM_FAILED, `Invalid ${subject} data from LMS: ${what}.`, {
    metadata: { upstream: 'LMS', fault: 'data' },
  })
}

/** What the LMS knows by itself cannot be typed in here. */
export function wrongBackend(what: string): DomainError {
  return new DomainError(Reason.WRONG_BACKEND, `The LMS keeps ${what} in this deployment: change them there.`)
}
