import { expect, test } from 'vitest'
import type { Grants } from '../domain/permission.ts'
import { rememberGrants } from './remembered-grants.ts'

const grants = (): Grants => ({ global: new Set(), byOrganization: new Map(), byProgram: new Map() })

test('what a token’s user was given is known until its time is over', () => {
  let now = 0
  const remembered = rememberGrants(2_000, () => now)
  const given = grants()
  remembered.keep('a', given)
  now = 1_999
  expect(remembered.recall('a')).toBe(given)
  expect(remembered.recall('b')).toBeUndefined()
  now = 2_000
  expect(remembered.recall('a')).toBeUndefined()
})

test('nothing is remembered for no time', () => {
  const remembered = rememberGrants(0, () => 0)
  remembered.keep('a', grants())
  expect(remembered.recall('a')).toBeUndefined()
})

test('the oldest is forgotten when there are too many', () => {
  const remembered = rememberGrants(2_000, () => 0)
  for (let index = 0; index <= 2_000; index++) remembered.keep(`token-${index}`, grants())
  expect(remembered.recall('token-0')).toBeUndefined()
  expect(remembered.recall('token-1')).toBeDefined()
  expect(remembered.recall('token-2000')).toBeDefined()
})
