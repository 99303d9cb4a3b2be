import type { Tally } from './sync-plan.ts'

/** A group that gives its members a role on an organization or a program, by its id. */
export type RoleGroup = { name: string; role: string; on: 'organization' | 'program'; id: string }

const longestName = 150

/** The groups of report readers that there should be. */
export function reportGroupsFor(
  organizations: readonly { id: string; key: string }[],
  programs: readonly { id: string; key: string; organizationKey: string }[],
): RoleGroup[] {
  return [
    ...organizations.map(({ id, key }) => ({
      name: `${key}_ReadOrganizationReports`,
      role: 'organization_read_reports',
      on: 'organization' as const,
      id,
    })),
    ...programs.map(({ id, key, organizationKey }) => ({
      name: `${organizationKey}_${key}_ReadProgramReports`,
      role: 'program_read_reports',
      on: 'program' as const,
      id,
    })),
  ]
}

/** A group that is to get another name. */
export type Renaming = { from: string; to: RoleGroup }

/** Which of the groups have to be made, and which are there under another name. */
export function planGroups(
  wanted: readonly RoleGroup[],
  existing: readonly RoleGroup[],
): { create: RoleGroup[]; rename: Renaming[]; tally: Tally } {
  const byPlace = Map.groupBy(existing, placeOf)
  const names = new Set(existing.map(({ name }) => name))
  const create: RoleGroup[] = []
  const rename: Renaming[] = []
  const problems: string[] = []
  for (const group of wanted) {
    const there = byPlace.get(placeOf(group)) ?? []
    if (there.some(({ name }) => name === group.name)) continue
    if (group.name.length > longestName) problems.push(nameTooLong(group))
    else if (names.has(group.name)) problems.push(nameTaken(group))
    else if (there[0] !== undefined) rename.push({ from: there[0].name, to: group })
    else create.push(group)
    names.add(group.name)
  }
  const [created, updated, skipped] = [create.length, rename.length, problems.length]
  const unchanged = wanted.length - created - updated - skipped
  return { create, rename, tally: { created, updated, unchanged, skipped, problems } }
}

export function nameTaken({ name, on }: RoleGroup): string {
  return `No group of the ${on} could be called ${name}: another group has the name.`
}

function nameTooLong({ name, on }: RoleGroup): string {
  return `No group of the ${on} could be called ${name}: that is longer than ${longestName} characters.`
}

function placeOf({ role, on, id }: RoleGroup): string {
  return `${role} ${on} ${id}`
}
