import { type Permission, permissions, type Resource, resourcePermissions } from './permissions.ts'
import { permissionsOfRole } from './roles.ts'

/** Something that a caller has, alone or through a group: a role on a resource, or one permission there or everywhere. */
export type Holding =
  | { role: string; resource: Resource }
  /** Without a resource the permission is held globally. */
  | { permission: string; resource?: Resource }

/** All that decides what a caller may do. */
export type CallerHoldings = { superuser: boolean; holdings: readonly Holding[] }

/** A program and the organization that manages it, as the catalog knows them. */
export type ProgramInOrganization = { programId: string; organizationId: string }

export type ResourcePermissions = { resource: Resource; permissions: Permission[] }

/** A caller's holdings with roles spelled out, sorted by where they hold. */
export type HeldPermissions = {
  globally: ReadonlySet<string>
  byResource: ReadonlyMap<string, { resource: Resource; held: ReadonlySet<string> }>
}

/** Sorts holdings. What is held on a resource is never global; a superuser holds everything globally. */
export function gatherHoldings({ superuser, holdings }: CallerHoldings): HeldPermissions {
  const globally = new Set<string>(superuser ? permissions : [])
  const byResource = new Map<string, { resource: Resource; held: Set<string> }>()
  for (const holding of holdings) {
    const given = 'role' in holding ? permissionsOfRole(holding.role, holding.resource) : [holding.permission]
    const target = holding.resource === undefined ? globally : heldOn(byResource, holding.resource)
    for (const permission of given) target.add(permission)
  }
  return { globally, byResource }
}

/**
 * What the caller may do on each program, in their order: what is held on the program, on its organization and globally.
 *
 * A pure union: nothing that is held ever takes anything away.
 */
export function resolvePermissions(
  { globally, byResource }: HeldPermissions,
  programs: readonly ProgramInOrganization[],
): ResourcePermissions[] {
  return programs.map(({ programId, organizationId }) => {
    const resource: Resource = { kind: 'program', id: programId }
    const onProgram = byResource.get(keyOf(resource))?.held
    const onOrganization = byResource.get(keyOf({ kind: 'organization', id: organizationId }))?.held
    const resolved = resourcePermissions.filter(
      (each) => globally.has(each) || onProgram?.has(each) || onOrganization?.has(each),
    )
    return { resource, permissions: resolved }
  })
}

/** What the caller holds globally. */
export function listGlobalPermissions({ globally }: HeldPermissions): Permission[] {
  return permissions.filter((each) => globally.has(each))
}

/**
 * The organizations and programs on which something is held, each once, ordered by id. What is held globally is no part of it,
 * and so nothing of what makes a superuser.
 */
export function listAccessibleResources({ byResource }: HeldPermissions): ResourcePermissions[] {
  return [...byResource.entries()]
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([, { resource, held }]) => ({
      resource,
      permissions: resourcePermissions.filter((each) => held.has(each)),
    }))
    .filter((entry) => entry.permissions.length > 0)
}

function heldOn(byResource: Map<string, { resource: Resource; held: Set<string> }>, resource: Resource) {
  const key = keyOf(resource)
  const known = byResource.get(key)
  if (known !== undefined) return known.held
  const held = new Set<string>()
  byResource.set(key, { resource, held })
  return held
}

// With the kind in it: an organization and a program stay apart even if they had the same id.
function keyOf({ kind, id }: Resource): string {
  return `${id} ${kind}`
}
