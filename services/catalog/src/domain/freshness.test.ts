import { expect, test } from 'vitest'
import { dueAmong, momentsAt } from './freshness.ts'

test('the limits are counted from the moment that is given', () => {
  const now = new Date('2026-03-01T12:00:00Z')
  expect(momentsAt(now, { fresh: 86_400, negative: 10, claim: 40 })).toEqual({
    now,
    freshSince: new Date('2026-02-28T12:00:00Z'),
    negativeSince: new Date('2026-03-01T11:59:50Z'),
    claimedUntil: new Date('2026-03-01T12:00:40Z'),
  })
})

test('only programs that are due are', () => {
  const programs = [
    { id: '1', discoveryUuid: 'a', due: 'now' as const },
    { id: '2', discoveryUuid: 'b', due: null },
    { id: '3', discoveryUuid: 'c' },
  ]
  expect(dueAmong(programs)).toEqual([{ id: '1', discoveryUuid: 'a', due: 'now' }])
})
