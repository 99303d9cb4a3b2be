import { expect, test } from 'vitest'
import { slugify, syncedKeyOf } from './slug.ts'

test.each([
  ['Computer Science', 'computer-science'],
  ['  a -- b  c ', 'a-b-c'],
  ['Física é bela', 'fisica-e-bela'],
  ['masters/in_cs', 'mastersin_cs'],
  ['_-under-_', 'under'],
  ['C++ & C#', 'c-c'],
  ['数学', ''],
  ['', ''],
])('%j becomes %j', (text, slug) => {
  expect(slugify(text)).toBe(slug)
})

test('the key of a synchronised program is the last part of its slug, cut where group names need it', () => {
  expect(syncedKeyOf('masters/school/Computer Science')).toBe('computer-science')
  expect(syncedKeyOf('plain')).toBe('plain')
  expect(syncedKeyOf('ends-with/')).toBe('')
  expect(syncedKeyOf('x'.repeat(255))).toBe('x'.repeat(100))
})
