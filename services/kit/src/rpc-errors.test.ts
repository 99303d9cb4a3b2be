import { readFileSync } from 'node:fs'
import { Code, ConnectError } from '@connectrpc/connect'
import { expect, test } from 'vitest'
import { ErrorInfoSchema } from '#proto/google/rpc/error_details_pb.ts'
import { ReasonSchema } from '#proto/registrar/errors/v1/reason_pb.ts'
import { DomainError, type KnownReason, Reason } from './errors.ts'
import { codeOf, fieldsOf, metadataOf, reasonOf, retryAfterOf, toConnectError } from './rpc-errors.ts'

test('every reason has the code that its comment in the proto names', () => {
  const proto = readFileSync(
    new URL('../../../proto/registrar/errors/v1/reason.proto', import.meta.url),
    'utf8',
  )
  const blocks = proto.matchAll(/((?: {2}\/\/.*\n)+) {2}REASON_(\w+) = \d+;/g)
  const documented = [...blocks].map(([, comment, name]) => [
    name,
    /\(([A-Z_]+)(?:, HTTP \d+)?\)/.exec(comment ?? '')?.[1],
  ])
  const actual = ReasonSchema.values.map(({ number, localName }) => [
    localName,
    number === 0
      ? undefined
      : Code[codeOf[number as KnownReason]].replaceAll(/(?<=[a-z])(?=[A-Z])/g, '_').toUpperCase(),
  ])
  expect(actual).toEqual(documented)
  expect(documented.length).toBeGreaterThan(30)
})

test('a domain error becomes its code with reason, fields, metadata and retry delay', () => {
  const error = toConnectError(
    new DomainError(Reason.RATE_LIMITED, 'slow down', {
      fields: [{ field: 'students[0]', description: 'is one too many' }],
      metadata: { limit: '25' },
      retryAfterSeconds: 2,
    }),
  )
  expect(error.code).toBe(Code.ResourceExhausted)
  expect(error.rawMessage).toBe('slow down')
  expect(reasonOf(error)).toBe(Reason.RATE_LIMITED)
  expect(fieldsOf(error)).toEqual([{ field: 'students[0]', description: 'is one too many' }])
  expect(metadataOf(error)).toEqual({ limit: '25' })
  expect(retryAfterOf(error)).toBe(2)
  expect(error.findDetails(ErrorInfoSchema)[0]).toMatchObject({ reason: 'RATE_LIMITED', domain: 'registrar' })
})

test('an unknown error tells the caller nothing and keeps its cause for the log', () => {
  const secret = new Error('password of the database is hunter2')
  const error = toConnectError(secret)
  expect(error.code).toBe(Code.Internal)
  expect(error.rawMessage).toBe('internal error')
  expect(reasonOf(error)).toBe(Reason.INTERNAL)
  expect((error.cause as DomainError).cause).toBe(secret)
})

test.each([undefined, null, 'a string', 7, { code: 'ECONNREFUSED' }])(
  '%j thrown is an internal error',
  (thrown) => {
    expect(reasonOf(toConnectError(thrown))).toBe(Reason.INTERNAL)
  },
)

test('an error of a service that was called goes on with its details and without its headers', () => {
  const received = toConnectError(
    new DomainError(Reason.PROGRAM_NOT_FOUND, 'no such program', { metadata: { program: 'p' } }),
  )
  received.metadata.set('content-type', 'application/json')
  const passed = toConnectError(received)
  expect(passed.code).toBe(Code.NotFound)
  expect(passed.rawMessage).toBe('no such program')
  expect(reasonOf(passed)).toBe(Reason.PROGRAM_NOT_FOUND)
  expect(metadataOf(passed)).toEqual({ program: 'p' })
  expect([...passed.metadata]).toEqual([])
})

test.each([
  [
    new ConnectError('connect ECONNREFUSED 127.0.0.1:1', Code.Unavailable),
    Code.Unavailable,
    Reason.UNAVAILABLE,
  ],
  [
    new ConnectError('http/2 stream closed with error code REFUSED_STREAM (0x7)', Code.Internal),
    Code.Unavailable,
    Reason.UNAVAILABLE,
  ],
  [new ConnectError('read ECONNRESET', Code.Aborted), Code.Unavailable, Reason.UNAVAILABLE],
  [
    new ConnectError('the operation timed out', Code.DeadlineExceeded),
    Code.DeadlineExceeded,
    Reason.DEADLINE_EXCEEDED,
  ],
  [new ConnectError('null is not an object', Code.Unknown), Code.Internal, Reason.INTERNAL],
  [new ConnectError('This operation was aborted', Code.Canceled), Code.Canceled, undefined],
  [new ConnectError('not implemented', Code.Unimplemented), Code.Unimplemented, undefined],
])('%s of a call without a reason is told sensibly', (received, code, reason) => {
  const told = toConnectError(received)
  expect(told.code).toBe(code)
  expect(reasonOf(told)).toBe(reason)
  if (reason === Reason.UNAVAILABLE) expect(retryAfterOf(told)).toBe(1)
})

test('an error info of another domain is no reason of ours', () => {
  const value = { reason: 'PROGRAM_NOT_FOUND', domain: 'example.com' }
  const foreign = new ConnectError('', Code.NotFound, undefined, [{ desc: ErrorInfoSchema, value }])
  expect(reasonOf(foreign)).toBeUndefined()
  expect(reasonOf(new Error('not found'))).toBeUndefined()
})
