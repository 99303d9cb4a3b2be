import type { DiscoveryProgram } from './discovery-program.ts'
import { isKey, isOrganizationKey, isUuid } from './grammar.ts'
import { alreadyExists, invalidArgument, noAuthoringOrganization } from './refusals.ts'
import { slugify } from './slug.ts'

/** A program as it is to be here: of which organization it becomes only if it is not there yet. */
export type ProgramWish = {
  discoveryUuid: string
  key: string
  organization: { uuid: string | null; key: string }
}

/** What became of it; `previousKey` is empty when it was made. */
export type ImportedProgram = {
  discoveryUuid: string
  key: string
  previousKey: string
  organizationKey: string
}

const maximumImports = 100

/** Checks what was asked for before Discovery is. INVALID_ARGUMENT; ids come back in lower case. */
export function readImports(asked: readonly { discoveryUuid: string; key: string }[]) {
  if (asked.length === 0 || asked.length > maximumImports) {
    const description = `programs must be 1 to ${maximumImports}`
    throw invalidArgument([{ field: 'programs', description }])
  }
  const seen = new Set<string>()
  const faults = asked.flatMap(({ discoveryUuid, key }, index) => {
    const at = `programs[${index}]`
    const uuid = discoveryUuid.toLowerCase()
    const isAgain = seen.has(uuid)
    seen.add(uuid)
    return [
      ...(isUuid(uuid)
        ? []
        : [{ field: `${at}.discovery_uuid`, description: `${discoveryUuid} is no UUID` }]),
      ...(isAgain ? [{ field: `${at}.discovery_uuid`, description: `${uuid} is named twice` }] : []),
      ...(key === '' || isKey(key) ? [] : [{ field: `${at}.key`, description: `${key} cannot be a key` }]),
    ]
  })
  if (faults.length > 0) throw invalidArgument(faults)
  return asked.map(({ discoveryUuid, key }) => ({ discoveryUuid: discoveryUuid.toLowerCase(), key }))
}

/** What is wished for, given what Discovery tells. INVALID_ARGUMENT without a usable key, ORGANIZATION_NOT_FOUND. */
export function wishFor(
  { discoveryUuid, key: given }: { discoveryUuid: string; key: string },
  { marketingSlug, authoringOrganizations }: DiscoveryProgram,
): ProgramWish {
  const key = given || slugify(marketingSlug ?? '')
  if (!isKey(key)) {
    const description = `${discoveryUuid} has no marketing slug to make a key of: name one`
    throw invalidArgument([{ field: 'programs.key', description }])
  }
  const organization = authoringOrganizations.findLast(
    (one) => one.key !== null && isOrganizationKey(one.key),
  )
  if (organization?.key == null) throw noAuthoringOrganization(discoveryUuid)
  return { discoveryUuid, key, organization: { uuid: organization.uuid, key: organization.key } }
}

/** ALREADY_EXISTS when two of them would have the same key, or one that another program has. */
export function assertKeysFree(wishes: readonly ProgramWish[], taken: ReadonlySet<string>): void {
  const keys = new Set(taken)
  for (const { key } of wishes) {
    if (keys.has(key)) throw alreadyExists(`a program with the key ${key}`)
    keys.add(key)
  }
}
