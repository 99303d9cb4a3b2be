import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { effectiveOn, type Grants, permissionsByGrants, programPermissions } from './permission.ts'

describe('what remains of the permissions given on a program', () => {
  test('is all of them when its type is Masters, in their order', () => {
    expect(effectiveOn({ type: 'Masters' }, () => true)).toEqual([...programPermissions])
    expect(effectiveOn({ type: 'Masters' }, (permission) => permission === 'write_enrollments')).toEqual([
      'write_enrollments',
    ])
  })

  test.each(['MicroMasters', 'masters', 'Masters ', 'MASTERS', '', null])(
    'is nothing about enrollments when its type is %j',
    (type) => {
      expect(effectiveOn({ type }, () => true)).toEqual(['read_metadata', 'read_reports'])
    },
  )
})

describe('what grants give', () => {
  const program = { id: 'p', organizationId: 'o', type: 'Masters' }
  const none: Grants = { global: new Set(), byOrganization: new Map(), byProgram: new Map() }

  test('is what global, organization and program grants give together', () => {
    const grants: Grants = {
      global: new Set(['read_reports']),
      byOrganization: new Map([['o', new Set(['write_enrollments' as const])]]),
      byProgram: new Map([['p', new Set(['read_metadata' as const])]]),
    }
    expect(permissionsByGrants(program, grants)).toEqual([
      'read_metadata',
      'write_enrollments',
      'read_reports',
    ])
  })

  test('does not reach other organizations and programs', () => {
    fc.assert(
      fc.property(
        fc.string(),
        fc.string(),
        fc.subarray([...programPermissions]),
        (organization, other, held) => {
          fc.pre(organization !== program.organizationId && other !== program.id)
          const grants = {
            ...none,
            byOrganization: new Map([[organization, new Set(held)]]),
            byProgram: new Map([[other, new Set(held)]]),
          }
          expect(permissionsByGrants(program, grants)).toEqual([])
        },
      ),
    )
  })
})
