import { expect, test } from 'vitest'
import { DomainError, Reason } from './errors.ts'
import { decodePageToken, encodePageToken, pageSizeOf } from './page.ts'

test('a position survives its token', () => {
  const position = ['org', 'prögram', 7, null, { at: '2026-01-01' }]
  expect(decodePageToken(encodePageToken(position))).toEqual(position)
  expect(encodePageToken(position)).toMatch(/^[\w-]+$/)
})

test.each(['', 'garbage', '%00', 'eyJ', 'bnVsbA==', `${'a'.repeat(5000)}`])('%j is refused', (token) => {
  expect(() => decodePageToken(token)).toThrow(
    expect.objectContaining({
      reason: Reason.PAGE_TOKEN_INVALID,
      fields: [expect.objectContaining({ field: 'page_token' })],
    }),
  )
})

test('a position of another form is refused', () => {
  const isValid = (value: unknown) => typeof value === 'string'
  expect(decodePageToken(encodePageToken('key'), isValid)).toBe('key')
  expect(() => decodePageToken(encodePageToken(['key']), isValid)).toThrow(DomainError)
})

test('a page has the size asked for within bounds', () => {
  const limits = { default: 50, maximum: 100 }
  expect([0, 1, 100, 101].map((asked) => pageSizeOf(asked, limits))).toEqual([50, 1, 100, 100])
  expect(() => pageSizeOf(-1, limits)).toThrow(expect.objectContaining({ reason: Reason.INVALID_ARGUMENT }))
})
