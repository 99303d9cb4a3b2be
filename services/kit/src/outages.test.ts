import { expect, test } from 'vitest'
import { outageOf } from './outages.ts'

function errorWith(properties: object, message = 'failed'): Error {
  return Object.assign(new Error(message), properties)
}

test.each([
  ['a refused connection', errorWith({ code: 'ECONNREFUSED' }), 'away'],
  [
    'a name that does not resolve, wrapped',
    new Error('no', { cause: errorWith({ code: 'ENOTFOUND' }) }),
    'away',
  ],
  [
    'a refused connection to a name with two addresses',
    new AggregateError([errorWith({ code: 'ECONNREFUSED' })]),
    'away',
  ],
  ['a server that shuts down', errorWith({ severity: 'FATAL', code: '57P01' }), 'away'],
  ['too many connections', errorWith({ severity: 'FATAL', code: '53300' }), 'away'],
  ['a connection that broke off', errorWith({}, 'Connection terminated unexpectedly'), 'away'],
  ['a full pool', errorWith({ name: 'SequelizeConnectionAcquireTimeoutError' }), 'away'],
  [
    'a deadlock, wrapped by Sequelize',
    errorWith({ name: 'SequelizeDatabaseError', original: errorWith({ severity: 'ERROR', code: '40P01' }) }),
    'busy',
  ],
  ['a statement that took too long', errorWith({ severity: 'ERROR', code: '57014' }), 'timeout'],
  ['a broken rule', errorWith({ severity: 'ERROR', code: '23505' }), undefined],
  ['a missing table', errorWith({ severity: 'ERROR', code: '42P01' }), undefined],
  ['a fault in the code', new TypeError('undefined is not a function'), undefined],
  ['no error at all', { code: 'ECONNREFUSED' }, undefined],
])('%s', (_, error, outage) => {
  expect(outageOf(error)).toBe(outage)
})

test('errors that wrap each other in a circle are looked at once', () => {
  const first = errorWith({})
  first.cause = new Error('second', { cause: first })
  expect(outageOf(first)).toBeUndefined()
})
