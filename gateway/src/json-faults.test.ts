import { expect, test } from 'vitest'
import { explainJsonFault } from './json-faults.ts'

test.each([
  ['', 'Expecting value: line 1 column 1 (char 0)'],
  ['   ', 'Expecting value: line 1 column 4 (char 3)'],
  ['{', 'Expecting property name enclosed in double quotes: line 1 column 2 (char 1)'],
  ['[1,', 'Expecting value: line 1 column 4 (char 3)'],
  ['[1 2]', "Expecting ',' delimiter: line 1 column 4 (char 3)"],
  ['{"a"}', "Expecting ':' delimiter: line 1 column 5 (char 4)"],
  ['{"a":1,}', 'Expecting property name enclosed in double quotes: line 1 column 8 (char 7)'],
  ['[1]x', 'Extra data: line 1 column 4 (char 3)'],
  ['01', 'Extra data: line 1 column 2 (char 1)'],
  ['-', 'Expecting value: line 1 column 1 (char 0)'],
  ['"abc', 'Unterminated string starting at: line 1 column 1 (char 0)'],
  ['"a\tb"', 'Invalid control character at: line 1 column 3 (char 2)'],
  ['"\\x"', 'Invalid \\escape: line 1 column 2 (char 1)'],
  ['"\\u12"', 'Invalid \\uXXXX escape: line 1 column 3 (char 2)'],
  ['[\n "😀",\n x]', 'Expecting value: line 3 column 2 (char 9)'],
  ['\ufeff[]', 'Unexpected UTF-8 BOM (decode using utf-8-sig): line 1 column 1 (char 0)'],
  ['[-Infinity]', "Out of range float values are not JSON compliant: '-Infinity'"],
])('%j is explained as Python does', (text, explanation) => {
  expect(() => JSON.parse(text)).toThrow()
  expect(explainJsonFault(Buffer.from(text))).toBe(explanation)
})

test.each([
  [[0xff], 'byte 0xff in position 0: invalid start byte'],
  [[0x61, 0xc3], 'byte 0xc3 in position 1: unexpected end of data'],
  [[0xe2, 0x82], 'bytes in position 0-1: unexpected end of data'],
  [[0xed, 0xa0, 0x80], 'byte 0xed in position 0: invalid continuation byte'],
  [[0xf0, 0x9f, 0x41], 'bytes in position 0-1: invalid continuation byte'],
])('the bytes %j are explained as Python does', (bytes, explanation) => {
  expect(explainJsonFault(Buffer.from(bytes))).toBe(`'utf-8' codec can't decode ${explanation}`)
})

test('a body nested as deep as it is long does not overflow the stack', () => {
  expect(explainJsonFault(Buffer.from('['.repeat(1_000_000)))).toBe(
    'Expecting value: line 1 column 1000001 (char 1000000)',
  )
})
