import { describe, expect, test } from 'vitest'
import { isOutdated } from './identity.ts'

describe('a stored user is written again', () => {
  const user = { email: 'a@school.example', staff: false, active: true, invited: false }

  test('not when the token says the same or is silent', () => {
    expect(isOutdated(user, { username: 'a' })).toBe(false)
    expect(isOutdated(user, { username: 'a', email: 'a@school.example', administrator: false })).toBe(false)
  })

  test('when the address or staff differ, or a membership waits', () => {
    expect(isOutdated(user, { username: 'a', email: 'A@school.example' })).toBe(true)
    expect(isOutdated(user, { username: 'a', administrator: true })).toBe(true)
    expect(isOutdated({ ...user, staff: true }, { username: 'a', administrator: false })).toBe(true)
    expect(isOutdated({ ...user, invited: true }, { username: 'a' })).toBe(true)
  })

  test('never while the user is locked out', () => {
    expect(isOutdated({ ...user, active: false, invited: true }, { username: 'a', email: 'b' })).toBe(false)
  })
})
