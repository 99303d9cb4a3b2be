import { hash } from 'node:crypto'
import { isOrganizationKey, isStorable } from './grammar.ts'
import { concernsEnrollments, type Grants, type Permission, typeWithEnrollments } from './permission.ts'
import { foldCase } from './program.ts'

/** What a caller asks of a list of programs. */
export type ListFilters = {
  /** Empty for all organizations. */
  organizationKey: string
  permission: Permission
  /** Empty for all titles. */
  titleContains: string
}

/** Which programs a list lets through: all, or those of these organizations and these programs themselves. */
export type ListScope = 'all' | { organizationIds: string[]; programIds: string[] }

/** A list of programs as the store answers it. */
export type ListQuery = {
  scope: ListScope
  organizationKey?: string
  /** Only programs of exactly this type. */
  type?: string
  /** Only programs whose title, its case folded, contains this. */
  foldedTitle?: string
}

/** The list that filters and grants make. Without grants, for our own processes, the permission does not count. */
export function planList(filters: ListFilters, grants: Grants | undefined): ListQuery {
  const { organizationKey, permission, titleContains } = filters
  const canMatch = isStorable(titleContains) && (organizationKey === '' || isOrganizationKey(organizationKey))
  return {
    scope: canMatch ? scopeOf(permission, grants) : nothing,
    ...(organizationKey !== '' && { organizationKey }),
    ...(grants !== undefined && concernsEnrollments(permission) && { type: typeWithEnrollments }),
    ...(titleContains !== '' && { foldedTitle: foldCase(titleContains) }),
  }
}

/** Whether a list is known to be empty before anybody looks. */
export function isEmptyScope(scope: ListScope): boolean {
  return scope !== 'all' && scope.organizationIds.length === 0 && scope.programIds.length === 0
}

const nothing: ListScope = { organizationIds: [], programIds: [] }

function scopeOf(permission: Permission, grants: Grants | undefined): ListScope {
  if (grants === undefined || grants.global.has(permission)) return 'all'
  return {
    organizationIds: idsWith(permission, grants.byOrganization),
    programIds: idsWith(permission, grants.byProgram),
  }
}

function idsWith(permission: Permission, byId: Grants['byProgram']): string[] {
  return [...byId].filter(([, permissions]) => permissions.has(permission)).map(([id]) => id)
}

/** Where a page starts: after the program with this place in the order of insertion, in a list with these filters. */
export type PagePosition = { after: string; filters: string }

/** A short name for the filters, to tell a page token of this list from one of another. */
export function nameFilters({ organizationKey, permission, titleContains }: ListFilters): string {
  return hash('sha256', JSON.stringify([organizationKey, permission, titleContains]), 'base64url').slice(
    0,
    16,
  )
}

/** Whether a decoded page token is a position in the list with these filters. */
export function isPositionIn(filters: ListFilters): (value: unknown) => value is PagePosition {
  const name = nameFilters(filters)
  return (value): value is PagePosition =>
    typeof value === 'object' &&
    value !== null &&
    'after' in value &&
    typeof value.after === 'string' &&
    /^[0-9]{1,18}$/.test(value.after) &&
    'filters' in value &&
    value.filters === name
}
