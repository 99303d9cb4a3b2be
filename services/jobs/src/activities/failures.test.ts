import { Code, ConnectError } from '@connectrpc/connect'
import { expect, test } from 'vitest'
import { DomainError, Reason } from '#kit/errors.ts'
import { toConnectError } from '#kit/rpc-errors.ts'
import { partFailureOf, toApplicationFailure } from './failures.ts'

const refused = (reason: Reason, retryAfterSeconds?: number) =>
  // As it comes from another service.
  toConnectError(new DomainError(reason, 'why', { retryAfterSeconds }))

test.each([
  ['UNAVAILABLE', refused(Reason.UNAVAILABLE)],
  ['UPSTREAM_UNAVAILABLE', refused(Reason.UPSTREAM_UNAVAILABLE)],
  ['UPSTREAM_TIMEOUT', refused(Reason.UPSTREAM_TIMEOUT)],
  ['RATE_LIMITED', refused(Reason.RATE_LIMITED)],
  ['UNAVAILABLE', new ConnectError('connect ECONNREFUSED', Code.Unavailable)],
  ['UNAVAILABLE', new ConnectError('http/2 stream closed with REFUSED_STREAM', Code.Internal)],
  ['DEADLINE_EXCEEDED', new ConnectError('late', Code.DeadlineExceeded)],
  ['UNAVAILABLE', Object.assign(new Error('x'), { name: 'SequelizeConnectionRefusedError' })],
])('%s is tried again until the job’s time is over', (reason, error) => {
  expect(partFailureOf(error, 1_000)).toMatchObject({ reason, isFinal: false })
})

test.each([
  ['UPSTREAM_FAILED', refused(Reason.UPSTREAM_FAILED)],
  ['TOKEN_INVALID', refused(Reason.TOKEN_INVALID)],
  ['STORAGE_REFUSED', refused(Reason.STORAGE_REFUSED)],
  ['INTERNAL', new Error('a fault of ours')],
])('%s is tried again a few times', (reason, error) => {
  expect(partFailureOf(error, 4)).toMatchObject({ reason, isFinal: false })
  expect(partFailureOf(error, 5)).toMatchObject({ reason, isFinal: true })
})

test.each([
  ['PROGRAM_NOT_FOUND', refused(Reason.PROGRAM_NOT_FOUND)],
  ['COURSE_NOT_FOUND', refused(Reason.COURSE_NOT_FOUND)],
  ['PERMISSION_DENIED', refused(Reason.PERMISSION_DENIED)],
  ['INVALID_ARGUMENT', refused(Reason.INVALID_ARGUMENT)],
  ['NO_ACTIVE_CURRICULUM', refused(Reason.NO_ACTIVE_CURRICULUM)],
  ['OBJECT_NOT_FOUND', refused(Reason.OBJECT_NOT_FOUND)],
  ['JOB_ENDED', refused(Reason.JOB_ENDED)],
])('%s is not tried again', (reason, error) => {
  expect(partFailureOf(error, 1)).toMatchObject({ reason, message: 'Why.', isFinal: true })
})

test('what an upstream would answer again is not tried again', () => {
  const failed = (fault: string) => new DomainError(Reason.UPSTREAM_FAILED, 'why', { metadata: { fault } })
  expect(partFailureOf(failed('refused'), 1).isFinal).toBe(true)
  expect(partFailureOf(failed('broken'), 1).isFinal).toBe(false)
})

test('the wait grows, and is never shorter than was asked for', () => {
  const waits = [1, 2, 3, 4, 5, 6, 60].map((attempt) => partFailureOf(refused(Reason.UNAVAILABLE), attempt))
  expect(waits.map(({ retryAfterSeconds }) => retryAfterSeconds)).toEqual([1, 2, 4, 8, 16, 30, 30])
  expect(partFailureOf(refused(Reason.UPSTREAM_UNAVAILABLE, 120), 1).retryAfterSeconds).toBe(120)
})

test('what caused a failure stays out of Temporal', () => {
  const cause = new Error('Key (student_key)=(s-1) already exists, ann@example.com')
  const failure = toApplicationFailure(partFailureOf(cause, 5))
  expect(failure).toMatchObject({ type: 'INTERNAL', nonRetryable: true })
  expect(failure.cause).toBeUndefined()
  expect(`${failure.message}${failure.stack}`).not.toMatch(/s-1|ann@/)
})
