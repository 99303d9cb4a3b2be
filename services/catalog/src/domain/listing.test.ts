import { expect, test } from 'vitest'
import { isEmptyScope, isPositionIn, type ListFilters, nameFilters, planList } from './listing.ts'
import type { Grants, Permission } from './permission.ts'

const filters: ListFilters = { organizationKey: '', permission: 'read_metadata', titleContains: '' }

function grants(more: Partial<Grants>): Grants {
  return { global: new Set(), byOrganization: new Map(), byProgram: new Map(), ...more }
}

function holding(permission: Permission): ReadonlySet<Permission> {
  return new Set([permission])
}

test('a list covers the organizations and programs on which the permission is held', () => {
  const held = grants({
    byOrganization: new Map([
      ['o1', holding('read_metadata')],
      ['o2', holding('read_reports')],
    ]),
    byProgram: new Map([
      ['p1', holding('read_reports')],
      ['p2', holding('read_metadata')],
    ]),
  })
  expect(planList(filters, held)).toEqual({ scope: { organizationIds: ['o1'], programIds: ['p2'] } })
})

test('a list covers everything for global holders and our own processes', () => {
  expect(planList(filters, grants({ global: holding('read_metadata') }))).toEqual({ scope: 'all' })
  expect(planList({ ...filters, permission: 'read_enrollments' }, undefined)).toEqual({ scope: 'all' })
})

test('a list that is about enrollments covers Masters programs only', () => {
  const global = grants({ global: holding('write_enrollments') })
  expect(planList({ ...filters, permission: 'write_enrollments' }, global)).toEqual({
    scope: 'all',
    type: 'Masters',
  })
})

test('a title or an organization that cannot be stored lets nothing through', () => {
  for (const impossible of [
    { titleContains: 'a\0' },
    { organizationKey: 'a\0' },
    { organizationKey: 'a b' },
  ]) {
    const { scope } = planList({ ...filters, ...impossible }, undefined)
    expect(isEmptyScope(scope)).toBe(true)
  }
})

test('a position belongs to the filters that it was made with', () => {
  const made = { after: '12', filters: nameFilters(filters) }
  expect(isPositionIn(filters)(made)).toBe(true)
  // The parts of filters do not run into each other.
  const one = { organizationKey: 'a', permission: 'read_metadata', titleContains: '' } as const
  const other = { organizationKey: '', permission: 'read_metadata', titleContains: 'a' } as const
  expect(isPositionIn(other)({ after: '12', filters: nameFilters(one) })).toBe(false)
  for (const wrong of [
    null,
    12,
    {},
    { ...made, after: 12 },
    { ...made, after: '1e3' },
    { ...made, after: '-1' },
  ]) {
    expect(isPositionIn(filters)(wrong)).toBe(false)
  }
})
