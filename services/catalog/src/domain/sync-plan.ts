import type { DiscoveryOrganization, DiscoveryProgram } from './discovery-program.ts'
import { isOrganizationKey } from './grammar.ts'
import { syncedKeyOf } from './slug.ts'

/** How many were treated how, and what was left out that an operator should know of, a sentence each. */
export type Tally = {
  created: number
  updated: number
  unchanged: number
  skipped: number
  problems: string[]
}

type KnownOrganization = { id: string; key: string; name: string; discoveryUuid: string }
type OrganizationChange = { id: string; key: string; name: string }
type NewOrganization = { key: string; name: string; discoveryUuid: string }

export type OrganizationPlan = { create: NewOrganization[]; update: OrganizationChange[]; tally: Tally }

const longestName = 255

/**
 * What has to be done for organizations to be as Discovery tells them. They are known by their ids in Discovery; of several with the
 * same the first counts. An organization keeps its key, or is not made, when the one that it should have is another's.
 */
export function planOrganizations(
  known: readonly KnownOrganization[],
  told: readonly DiscoveryOrganization[],
): OrganizationPlan {
  const wanted = firstOfEach(told.flatMap(usable), ({ discoveryUuid }) => discoveryUuid)
  const problems = told.flatMap(faultOf)
  const unusable = problems.length
  const byUuid = new Map(
    firstOfEach(known, ({ discoveryUuid }) => discoveryUuid).map((one) => [one.discoveryUuid, one]),
  )
  const refused = findRefused(known, wanted, byUuid)
  for (const { key, discoveryUuid } of wanted) {
    const now = byUuid.get(discoveryUuid)?.key
    if (refused.has(discoveryUuid)) problems.push(clashOf(discoveryUuid, key, now))
  }
  const create = wanted.filter(
    ({ discoveryUuid }) => !byUuid.has(discoveryUuid) && !refused.has(discoveryUuid),
  )
  const update = wanted.flatMap(({ key, name, discoveryUuid }) => {
    const now = byUuid.get(discoveryUuid)
    if (now === undefined) return []
    const change = { id: now.id, key: refused.has(discoveryUuid) ? now.key : key, name }
    return change.key === now.key && change.name === now.name ? [] : [change]
  })
  const skipped = unusable + [...refused].filter((uuid) => !byUuid.has(uuid)).length
  const counts = { created: create.length, updated: update.length, skipped }
  return {
    create,
    update,
    tally: { ...counts, unchanged: told.length - create.length - update.length - skipped, problems },
  }
}

/**
 * The ids of those that cannot have the key that they want. Each of them keeps its old one, which may be what another waits for: so
 * it is looked again until nobody has to give way.
 */
function findRefused(
  known: readonly KnownOrganization[],
  wanted: readonly NewOrganization[],
  byUuid: ReadonlyMap<string, KnownOrganization>,
): Set<string> {
  const refused = new Set<string>()
  const inOrder = wanted.toSorted((a, b) => Number(isKept(b, byUuid)) - Number(isKept(a, byUuid)))
  for (let before = -1; before < refused.size; ) {
    before = refused.size
    const moving = inOrder.filter(({ discoveryUuid }) => !refused.has(discoveryUuid))
    const movingIds = new Set(moving.map(({ discoveryUuid }) => byUuid.get(discoveryUuid)?.id))
    const taken = new Set(known.filter(({ id }) => !movingIds.has(id)).map(({ key }) => key))
    for (const { key, discoveryUuid } of moving) {
      if (taken.has(key)) refused.add(discoveryUuid)
      taken.add(key)
    }
  }
  return refused
}

// Those that have their key already come before those that want it.
function isKept(
  { key, discoveryUuid }: NewOrganization,
  byUuid: ReadonlyMap<string, KnownOrganization>,
): boolean {
  return byUuid.get(discoveryUuid)?.key === key
}

function usable({ uuid, key, name }: DiscoveryOrganization): NewOrganization[] {
  if (uuid === null || key === null || !isOrganizationKey(key)) return []
  return [{ key, name: (name ?? '').slice(0, longestName), discoveryUuid: uuid }]
}

function faultOf({ uuid, key }: DiscoveryOrganization): string[] {
  if (uuid !== null && key !== null && isOrganizationKey(key)) return []
  return [
    `Organization ${uuid ?? 'without an id'} has a key that cannot be used here: ${JSON.stringify(key)}.`,
  ]
}

function clashOf(uuid: string, key: string, now: string | undefined): string {
  const outcome = now === undefined ? 'it was not made' : `it is still ${now}`
  return `Organization ${uuid} cannot have the key ${key}, which is another organization's: ${outcome}.`
}

type KnownProgram = { key: string; discoveryUuid: string }
type NewProgram = { key: string; discoveryUuid: string; organizationId: string }

export type ProgramPlan = { create: NewProgram[]; tally: Tally }

/**
 * The programs that have to be made for all of Discovery's to be there. Those that have several authoring organizations, or none that
 * is known, are left out, as are those whose key is taken or nothing.
 */
export function planPrograms(
  known: readonly KnownProgram[],
  told: readonly DiscoveryProgram[],
  organizationIds: ReadonlyMap<string, string>,
): ProgramPlan {
  const knownUuids = new Set(known.map(({ discoveryUuid }) => discoveryUuid))
  const keys = new Set(known.map(({ key }) => key))
  const create: NewProgram[] = []
  const tally: Tally = { created: 0, updated: 0, unchanged: 0, skipped: 0, problems: [] }
  const skip = (...problems: string[]) => {
    tally.skipped += 1
    tally.problems.push(...problems)
  }
  for (const { uuid, authoringOrganizations, marketingSlug } of told) {
    if (uuid === null) skip('A program without an id was left out.')
    else if (knownUuids.has(uuid)) tally.unchanged += 1
    else {
      const [first, ...others] = authoringOrganizations
      const organizationId = organizationIds.get(first?.uuid ?? '')
      const key = syncedKeyOf(marketingSlug ?? '')
      if (organizationId === undefined || others.length > 0) skip()
      else if (key === '') skip(`Program ${uuid} has no marketing slug to make a key of: it was not made.`)
      else if (keys.has(key))
        skip(`Program ${uuid} cannot have the key ${key}, which is another program's: it was not made.`)
      else {
        create.push({ key, discoveryUuid: uuid, organizationId })
        keys.add(key)
        knownUuids.add(uuid)
        tally.created += 1
      }
    }
  }
  return { create, tally }
}

function firstOfEach<T>(list: readonly T[], idOf: (one: T) => string): T[] {
  const seen = new Set<string>()
  return list.filter((one) => !seen.has(idOf(one)) && seen.add(idOf(one)))
}
