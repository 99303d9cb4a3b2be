import { expect, test } from 'vitest'
import { formatFields, formatTable } from './output.ts'

test('a table has its columns one under the other and no blanks at line ends', () => {
  expect(
    formatTable(
      ['A', 'LONGER', 'C'],
      [
        ['first', 'x', ''],
        ['2', 'second', 'z'],
      ],
    ),
  ).toBe(['A      LONGER  C', 'first  x', '2      second  z'].join('\n'))
})

test('fields without a value are left out', () => {
  expect(formatFields({ id: '1', longer: 'x', none: undefined, empty: '' })).toBe('id      1\nlonger  x')
})

test('a value cannot break its line or steer the terminal', () => {
  expect(formatFields({ title: 'a\n\u001b[2Jb\tc' })).toBe('title  a \uFFFD[2Jb c')
})
