import { expect, test } from 'vitest'
import { createdDateOf, isDate } from './report-name.ts'

test.each([
  ['a__2019-01-05.csv', '2019-01-05'],
  ['b__2019-1-5.txt', '2019-01-05'],
  ['__2020-06-07', '2020-06-07'],
  ['a__b__2021-03-04__2022-05-06.csv', '2022-05-06'],
  ['a__2021-03-04__junk', '2021-03-04'],
  ['a__2020-02-29', '2020-02-29'],
  ['bad__2019-25-25', undefined],
  ['x__2020-02-30.csv', undefined],
  ['x__2019-02-29.csv', undefined],
  ['bad_1', undefined],
  ['a_2019-01-05.csv', undefined],
  ['a__0-01-05', undefined],
  ['a__99999999999-01-05', undefined],
])('%s tells %s', (name, date) => {
  expect(createdDateOf(name)).toBe(date)
})

test.each(['2019-01-05', '2020-02-29'])('%s is a day', (text) => expect(isDate(text)).toBe(true))

test.each(['', '2019-1-5', '2019-02-29', '2019-01-05T00:00:00', ' 2019-01-05', '0000-01-01', 'yesterday'])(
  '%j is no day',
  (text) => expect(isDate(text)).toBe(false),
)
