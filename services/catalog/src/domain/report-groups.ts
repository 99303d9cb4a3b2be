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

/** Which of the groups have to be made. One that has the role there counts, whatever its name. */
export function planGroups(
  wanted: readonly RoleGroup[],
  existing: readonly RoleGroup[],
): { create: RoleGroup[]; tally: Tally } {
  const places = new Set(existing.map(placeOf))
  const names = new Set(existing.map(({ name }) => name))
  const missing = wanted.filter((group) => !places.has(placeOf(group)))
  const create: RoleGroup[] = []
  const problems: string[] = []
  for (const group of missing) {
    if (group.name.length > longestName) problems.push(nameTooLong(group))
    else if (names.has(group.name)) problems.push(nameTaken(group))
    else create.push(group)
    names.add(group.name)
  }
  const skipped = problems.length
  const unchanged = wanted.length - missing.length
  return { create, tally: { created: create.length, updated: 0, unchanged, skipped, problems } }
}

export function nameTaken({ name, on }: RoleGroup): string {
  return `Group ${name} was not made for its ${on}: another group has the name.`
}

function nameTooLong({ name, on }: RoleGroup): string {
  return `Group ${name} was not made for its ${on}: its name is longer than ${longestName} characters.`
}

function placeOf({ role, on, id }: RoleGroup): string {
  return `${role} ${on} ${id}`
}
