import { expect, test } from 'vitest'
import { parseDuration } from './durations.ts'
import { UsageError } from './refusal.ts'

test.each([
  ['90', 90],
  ['90s', 90],
  ['15m', 900],
  ['12h', 43_200],
  ['30d', 2_592_000],
  ['36500d', 3_153_600_000],
])('%s is %i seconds', (text, seconds) => {
  expect(parseDuration(text)).toBe(seconds)
})

test.each(['', '0', '0d', '-1', '1.5h', '1w', 'd', '1 d', '1d2h', '36501d', '99999999999s'])(
  '%j is refused',
  (text) => {
    expect(() => parseDuration(text)).toThrow(UsageError)
  },
)
