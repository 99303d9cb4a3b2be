import { describe, expect, test } from 'vitest'
import type { Resource } from './permissions.ts'
import { collectFaults } from './request-faults.ts'
import { checkGroupRole, permissionsOfRole, roles } from './roles.ts'

const organization: Resource = { kind: 'organization', id: '0a000000-0000-4000-8000-000000000001' }
const program: Resource = { kind: 'program', id: '0b000000-0000-4000-8000-000000000001' }

describe('a role gives exactly its set, on its kind of resource only', () => {
  const metadata = ['read_metadata']
  const enrollments = ['read_metadata', 'read_enrollments']
  const writing = ['read_metadata', 'read_enrollments', 'write_enrollments']
  const reports = ['read_metadata', 'read_reports']
  const table: [string, Resource, Resource, string[]][] = [
    ['organization_read_metadata', organization, program, metadata],
    ['organization_read_enrollments', organization, program, enrollments],
    ['organization_read_write_enrollments', organization, program, writing],
    ['organization_read_reports', organization, program, reports],
    ['program_read_metadata', program, organization, metadata],
    ['program_read_enrollments', program, organization, enrollments],
    ['program_read_write_enrollments', program, organization, writing],
    ['program_read_reports', program, organization, reports],
  ]

  test.each(table)('%s', (role, itsKind, otherKind, given) => {
    expect(permissionsOfRole(role, itsKind)).toEqual(given)
    expect(permissionsOfRole(role, otherKind)).toEqual([])
  })

  test('there are no other roles', () => {
    expect(roles).toEqual(table.map(([role]) => role))
    expect(permissionsOfRole('toString', program)).toEqual([])
  })
})

describe('a group', () => {
  const faultsOf = (role: string | undefined, resource?: Resource) => {
    const faults = collectFaults()
    checkGroupRole(faults, { role, resource })
    try {
      faults.refuse()
      return []
    } catch (error) {
      return (error as { fields: { field: string }[] }).fields.map(({ field }) => field)
    }
  }

  test('is plain, or has a role that goes with its resource', () => {
    expect(faultsOf(undefined)).toEqual([])
    expect(faultsOf('')).toEqual([])
    expect(faultsOf('program_read_reports', program)).toEqual([])
    expect(faultsOf('organization_read_reports', organization)).toEqual([])
  })

  test('has no unknown role, no half of a role, and no role of another kind', () => {
    expect(faultsOf('program_read_everything', program)).toEqual(['role'])
    expect(faultsOf('', program)).toEqual(['role'])
    expect(faultsOf('program_read_reports')).toEqual(['resource'])
    expect(faultsOf('program_read_reports', organization)).toEqual(['resource'])
    expect(faultsOf('organization_read_reports', program)).toEqual(['resource'])
  })
})
