import { expect, test } from 'vitest'
import { createLogger } from './logger.ts'

function linesOf(level: string, write: (logger: ReturnType<typeof createLogger>) => void) {
  const lines: string[] = []
  write(createLogger('probe', level, { write: (line) => void lines.push(line) }))
  return lines
}

test('a line is JSON that names its process', () => {
  const [line] = linesOf('info', (logger) => logger.info({ requestId: 'r1' }, 'hello'))
  expect(JSON.parse(line ?? '')).toMatchObject({
    level: 30,
    name: 'probe',
    pid: process.pid,
    requestId: 'r1',
    msg: 'hello',
  })
})

test('a line may be text alone, with or without values', () => {
  const lines = linesOf('info', (logger) => {
    logger.info('plain')
    logger.info('%s of %d', 'one', 2)
    logger.info({ a: 1 })
  })
  expect(lines.map((line) => JSON.parse(line).msg)).toEqual(['plain', 'one of 2', undefined])
})

test('lines below the level are not written', () => {
  expect(linesOf('warn', (logger) => logger.info('hello'))).toEqual([])
})

test('secrets and learners that get into a line are blotted out', () => {
  const secret = 'canary'
  const [line] = linesOf('info', (logger) =>
    logger.info({
      authorization: secret,
      headers: { authorization: secret, cookie: secret },
      request: { student: { student_key: secret, email: secret }, caller: { token: secret } },
    }),
  )
  expect(line).not.toContain(secret)
  expect(line).toContain('[redacted]')
})

test('of an error its text, code and place are written, and of what else it carries nothing', () => {
  const error = Object.assign(new TypeError('failed', { cause: new Error('inner') }), {
    code: 'E7',
    parameters: ['canary'],
    response: { data: 'canary' },
  })
  const [line] = linesOf('info', (logger) => logger.error({ err: error }, 'oh'))
  expect(JSON.parse(line ?? '').err).toEqual({
    type: 'TypeError',
    message: 'failed: inner',
    code: 'E7',
    stack: expect.stringContaining('logger.test.ts'),
  })
  expect(line).not.toContain('canary')
})

test('texts of the database lose the values that they quote', () => {
  const database = Object.assign(new Error('invalid input syntax for type uuid: "canary"'), {
    severity: 'ERROR',
  })
  for (const err of [database, new Error('wrapped', { cause: database })]) {
    for (const args of [[{ err }], [{ err }, 'oh'], [err], [err, 'oh']] as [object, string?][]) {
      const [line] = linesOf('info', (logger) => logger.error(...args))
      expect(JSON.parse(line ?? '')).toMatchObject({
        msg: args[1] ?? 'error',
        err: { message: expect.stringContaining('invalid input syntax for type uuid') },
      })
      expect(line).not.toContain('canary')
    }
  }
})

test.each(['canary', '{"canary', `[${'1,'.repeat(50)} canary, "\n"]`])(
  'what is no JSON is not quoted: %j',
  (text) => {
    const log = (logger: ReturnType<typeof createLogger>) => {
      try {
        JSON.parse(text)
      } catch (error) {
        logger.error({ err: new Error('a body cannot be read', { cause: error }) })
      }
    }
    const [line] = linesOf('info', log)
    expect(line).toContain('a body cannot be read')
    expect(line).not.toContain('canary')
  },
)

test.each([undefined, null, 'text', 7])('%j in place of an error is no fault', (err) => {
  expect(linesOf('info', (logger) => logger.error({ err }, 'oh'))).toHaveLength(1)
})
