import { expect, test } from 'vitest'
import { ConfigError, readConfig } from './config.ts'
import {
  flag,
  httpUrl,
  oneOf,
  optionalHttpUrl,
  optionalJson,
  optionalPostgresUrl,
  optionalText,
  port,
  requiredText,
  text,
  wholeNumber,
} from './settings.ts'

const specs = {
  PORT: port(80),
  SIZE: wholeNumber({ min: 1, max: 10, default: 5, unit: 'rows' }),
  ON: flag(true),
  NAME: text('a name', 'nobody'),
  NICK: optionalText('a nickname'),
  MODE: oneOf(['file', 's3'], 'file'),
  BASE: httpUrl('http://127.0.0.1'),
  LMS: optionalHttpUrl(),
  DB: optionalPostgresUrl(),
  KEY: optionalJson<{ kty: string }>('a key', (value) => value.kty === 'RSA'),
}

test('what is not set, or set to nothing, has its default', () => {
  const values = readConfig({ PORT: '', NICK: '' }, specs)
  expect(values).toEqual({
    PORT: 80,
    SIZE: 5,
    ON: true,
    NAME: 'nobody',
    MODE: 'file',
    BASE: 'http://127.0.0.1',
  })
  expect(Object.isFrozen(values)).toBe(true)
})

test('what is set is read', () => {
  const env = {
    PORT: '8080',
    SIZE: '10',
    ON: 'FALSE',
    NICK: 'n',
    MODE: 's3',
    BASE: 'https://a.example/x/',
    LMS: 'http://l',
    DB: 'postgresql://u:p@h/d',
    KEY: '{"kty":"RSA"}',
  }
  expect(readConfig({ ...env, OTHER: 'ignored' }, specs)).toEqual({
    PORT: 8080,
    SIZE: 10,
    ON: false,
    NAME: 'nobody',
    NICK: 'n',
    MODE: 's3',
    BASE: 'https://a.example/x',
    LMS: 'http://l',
    DB: 'postgresql://u:p@h/d',
    KEY: { kty: 'RSA' },
  })
})

test('all faults are told at once, each in a sentence that says what to set, without the value', () => {
  const env = {
    PORT: '70000',
    SIZE: '0',
    ON: 'yes',
    MODE: 'ftp',
    BASE: 'ftp://x',
    DB: 'mysql://root:hunter2@h/d',
    KEY: '{"kty":"EC"}',
  }
  expect.assertions(3)
  try {
    readConfig(env, { ...specs, MUST: requiredText('the key of the LMS') })
  } catch (error) {
    const { faults, message } = error as ConfigError
    expect(faults).toEqual([
      'PORT is not usable: set it to a free port from 1 to 65535.',
      'SIZE is not usable: set it to a whole number of rows from 1 to 10.',
      'ON is not usable: set it to true or false.',
      'MODE is not usable: set it to one of file, s3.',
      'BASE is not usable: set it to a URL that starts with http:// or https://.',
      'DB is not usable: set it to a PostgreSQL URL, postgresql://user:password@host:5432/database.',
      'KEY is not usable: set it to a key.',
      'MUST is missing: set it to the key of the LMS.',
    ])
    expect(message).not.toContain('hunter2')
    expect(error).toBeInstanceOf(ConfigError)
  }
})

test.each(['', ' ', '1.5', '1e1', '0x5', '-1', 'NaN', '11'])('%j is no number from 1 to 10', (value) => {
  const read = () => readConfig({ SIZE: value }, { SIZE: specs.SIZE })
  if (value === '') expect(read().SIZE).toBe(5)
  else expect(read).toThrow(ConfigError)
})
