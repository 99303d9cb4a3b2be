import { Code, ConnectError } from '@connectrpc/connect'
import { describe, expect, test } from 'vitest'
import { DomainError, Reason } from '#kit/errors.ts'
import { toConnectError } from '#kit/rpc-errors.ts'
import { ReasonSchema } from '#proto/registrar/errors/v1/reason_pb.ts'
import { rowOf, toHttpFault } from './http-errors.ts'

const reasons = ReasonSchema.values.map((value) => [value.localName, value.number as Reason] as const)

test.each(reasons)('%s has a row', (_, reason) => {
  expect(Object.keys(rowOf)).toContain(String(reason))
})

test.each(reasons)('%s says the same whether it was thrown here or came from a service', (_, reason) => {
  const error = new DomainError(reason, 'text for the caller')
  const here = toHttpFault(error)
  const there = toHttpFault(toConnectError(error))
  expect({ ...there, cause: 0 }).toEqual({ ...here, cause: 0 })
})

describe('what a partner sees', () => {
  const detail = (text: string) => ({ detail: text })
  test.each<[keyof typeof Reason, number, unknown]>([
    ['CREDENTIALS_MISSING', 401, detail('Authentication credentials were not provided.')],
    ['TOKEN_INVALID', 401, detail('Invalid token.')],
    ['PERMISSION_DENIED', 403, detail('You do not have permission to perform this action.')],
    [
      'COURSE_STAFF_DISABLED',
      403,
      detail('"course_staff" not accepted since role assignment is not enabled'),
    ],
    ['INVALID_ARGUMENT', 400, ['said by the service']],
    ['CSV_INVALID', 400, ['said by the service']],
    ['TOO_LARGE', 413, detail('said by the service')],
    ['PROGRAM_NOT_FOUND', 404, detail('Not found.')],
    ['WRITE_IN_PROGRESS', 409, 'Job already in progress for program'],
    [
      'NO_ACTIVE_CURRICULUM',
      422,
      detail('The program has no active curriculum, so nobody can be enrolled in it.'),
    ],
    ['UPSTREAM_FAILED', 502, detail('The learning platform answered with an error, try again later.')],
    ['UPSTREAM_UNAVAILABLE', 503, detail('The learning platform is unavailable, try again later.')],
    ['UPSTREAM_TIMEOUT', 504, detail('The learning platform did not answer in time, try again later.')],
    ['INTERNAL', 500, detail('Internal server error.')],
  ])('%s is %i', (reason, status, body) => {
    const fault = toHttpFault(new DomainError(Reason[reason] as Reason, 'said by the service'))
    expect([fault.status, fault.body]).toEqual([status, body])
  })

  test.each([
    [Reason.UPSTREAM_FAILED, undefined, '5'],
    [Reason.UPSTREAM_UNAVAILABLE, 30, '30'],
    [Reason.UNAVAILABLE, 0.2, '1'],
    [Reason.RATE_LIMITED, 2.5, '3'],
    [Reason.DEADLINE_EXCEEDED, undefined, '5'],
    [Reason.INTERNAL, undefined, undefined],
    [Reason.PROGRAM_NOT_FOUND, 9, undefined],
    [Reason.IDEMPOTENCY_KEY_IN_USE, 1, '1'],
    [Reason.WRITE_IN_PROGRESS, undefined, undefined],
  ])('reason %i with a delay of %s says Retry-After %s', (reason, retryAfterSeconds, expected) => {
    const fault = toHttpFault(toConnectError(new DomainError(reason, 'x', { retryAfterSeconds })))
    expect(fault.headers['retry-after']).toBe(expected)
  })

  test.each([
    ['a service that is away', new ConnectError('ECONNREFUSED', Code.Unavailable), 503],
    [
      'a connection that broke',
      new ConnectError('Stream closed with error code NGHTTP2_REFUSED_STREAM', Code.Internal),
      503,
    ],
    ['a call that was broken off', new ConnectError('reset', Code.Aborted), 503],
    ['a deadline that passed', new ConnectError('timeout', Code.DeadlineExceeded), 504],
    ['a service that fails', new ConnectError('secret insides', Code.Internal), 500],
    ['a bug of ours', new TypeError('secret insides'), 500],
    ['nonsense', 'secret insides', 500],
  ])('%s', (_, error, status) => {
    const fault = toHttpFault(error)
    expect(fault.status).toBe(status)
    expect(JSON.stringify(fault.body)).not.toContain('secret')
  })
})
