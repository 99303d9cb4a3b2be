import { expect, test } from 'vitest'
import { partKeyOf, partsThatCount } from './object-keys.ts'

const key = (part: number, name: string, before: string) => partKeyOf('job', { part, name, before })

test('the parts that count are those that the last one leads back to', () => {
  const keys = [key(0, 'aaaa', ''), key(1, 'bbbb', 'aaaa'), key(2, 'cccc', 'bbbb')]
  // Attempts that were given up, and that came to their end all the same.
  const others = [key(0, 'dddd', ''), key(1, 'eeee', 'aaaa'), key(1, 'ffff', 'dddd'), key(2, 'bbbb', 'eeee')]
  expect(partsThatCount([...others, ...keys].toSorted(), 3, 'cccc')).toEqual(keys)
  expect(partsThatCount([...keys, ...others], 2, 'ffff')).toEqual([
    key(0, 'dddd', ''),
    key(1, 'ffff', 'dddd'),
  ])
  expect(partsThatCount([key(0, 'aaaa', '')], 1, 'aaaa')).toEqual(['job-results/job.parts/000000-start-aaaa'])
})

test('a part that is missing is not made up for by another one', () => {
  expect(partsThatCount([key(1, 'bbbb', 'aaaa'), key(0, 'dddd', '')], 2, 'bbbb')).toBeUndefined()
  expect(partsThatCount([], 1, 'aaaa')).toBeUndefined()
})
