import fc from 'fast-check'
import { expect, test } from 'vitest'
import { sortByCodePoint } from './code-point-order.ts'

test('what is beyond the basic plane comes last, after what UTF-16 units put behind it', () => {
  expect(sortByCodePoint(['\u{1f600}', '\uffee', 'é', 'z', 'Z', '', 'z\u{1f600}', 'z\uffee'])).toEqual([
    '',
    'Z',
    'z',
    'z\uffee',
    'z\u{1f600}',
    'é',
    '\uffee',
    '\u{1f600}',
  ])
})

test('the order is that of UTF-8 bytes, which is PostgreSQL’s "C"', () => {
  const text = fc.string({
    unit: fc.oneof(
      fc.constantFrom('a', 'b', '\ud7ff', '\ue000', '\uffff', '\u{10000}', '\u{1f600}'),
      fc.string({ unit: 'binary', maxLength: 1 }),
    ),
    maxLength: 4,
  })
  fc.assert(
    fc.property(fc.array(text), (texts) => {
      const byBytes = texts.toSorted((a, b) => Buffer.compare(Buffer.from(a), Buffer.from(b)))
      expect(sortByCodePoint(texts)).toEqual(byBytes)
    }),
    { numRuns: 2_000 },
  )
})
