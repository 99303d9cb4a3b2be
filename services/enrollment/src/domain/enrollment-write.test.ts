import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import {
  accept,
  collectOutcomes,
  type EnrollmentWrite,
  refuse,
  withholdDuplicates,
} from './enrollment-write.ts'

const write = (studentKey: string, status = 'enrolled'): EnrollmentWrite => ({ studentKey, status })

describe('duplicates', () => {
  test('are withheld, every one of them, and the rest ascends', () => {
    const { unique, duplicated } = withholdDuplicates([
      write('b'),
      write('c'),
      write('a'),
      write('c', 'ended'),
      write('c'),
    ])
    expect(unique).toEqual([write('a'), write('b')])
    expect(duplicated).toEqual(['c'])
  })

  test('are told by exact key', () => {
    expect(withholdDuplicates([write('a'), write('A'), write('a ')]).duplicated).toEqual([])
  })
})

describe('outcomes', () => {
  test('of learners nobody asked about come last, as they came', () => {
    const asked = withholdDuplicates([write('m'), write('d'), write('d')])
    const outcomes = [accept(write('z')), refuse({ studentKey: 'm' }, 'conflict'), accept(write('a'))]
    expect(collectOutcomes(asked, outcomes).map(({ studentKey, status }) => [studentKey, status])).toEqual([
      ['d', 'duplicated'],
      ['m', 'conflict'],
      ['z', 'enrolled'],
      ['a', 'enrolled'],
    ])
  })

  test('of a duplicated learner cannot come from a backend', () => {
    const asked = withholdDuplicates([write('d'), write('d')])
    expect(collectOutcomes(asked, [accept(write('d'))])).toEqual([refuse({ studentKey: 'd' }, 'duplicated')])
  })

  test('that never came are internal errors', () => {
    expect(collectOutcomes(withholdDuplicates([write('a')]), [])).toEqual([
      refuse({ studentKey: 'a' }, 'internal-error'),
    ])
  })

  test('are one for each learner, ascending, whatever is asked', () => {
    const key = fc.constantFrom('', 'a', 'b', 'B', 'aa', '\uffee', '\u{1f600}', '__proto__', '10', '9')
    fc.assert(
      fc.property(fc.array(key), (keys) => {
        const asked = withholdDuplicates(keys.map((each) => write(each)))
        const results = collectOutcomes(asked, asked.unique.map(accept))
        const expected = [...new Set(keys)]
          .toSorted((a, b) => Buffer.compare(Buffer.from(a), Buffer.from(b)))
          .map((each) => {
            const isTwice = keys.filter((other) => other === each).length > 1
            return { studentKey: each, status: isTwice ? 'duplicated' : 'enrolled', accepted: !isTwice }
          })
        expect(results).toEqual(expected)
      }),
    )
  })
})
