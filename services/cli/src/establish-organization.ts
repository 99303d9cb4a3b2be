import { Reason } from '#kit/errors.ts'
import type { Group } from '#proto/registrar/accesscontrol/v1/group_pb.ts'
import type { Organization } from '#proto/registrar/catalog/v1/organization_pb.ts'
import { readGroups } from './groups.ts'
import { Refusal } from './refusal.ts'
import type { Services } from './services.ts'

export type WantedGroup = { name: string; role: string }

/**
 * Makes an organization in one service and its groups in the other.
 *
 * What can be refused is looked for before anything is made. What is cut short after that is finished by the same call made
 * again: an organization that has none but some of the wanted groups counts as made by it.
 */
export async function establishOrganization(
  services: Services,
  key: string,
  wanted: readonly WantedGroup[],
): Promise<{ organization: Organization; groups: Group[] }> {
  const existing = await findOrganization(services, key)
  const groups = wanted.length === 0 ? [] : await Array.fromAsync(readGroups(services))
  const own = groups.filter((group) => existing !== undefined && organizationIdOf(group) === existing.id)
  if (existing !== undefined && !isUnfinished(own, wanted)) {
    throw organizationRefused('an organization with this key exists')
  }
  for (const { name } of wanted) {
    const holder = groups.find((group) => group.name === name)
    if (holder !== undefined && !own.includes(holder))
      throw groupRefused(name, 'a group with this name exists')
  }
  const organization = existing ?? (await createOrganization(services, key))
  const made: Group[] = []
  for (const group of wanted) {
    made.push(
      own.find(({ name }) => name === group.name) ?? (await createGroup(services, organization, group)),
    )
  }
  return { organization, groups: made }
}

function isUnfinished(own: readonly Group[], wanted: readonly WantedGroup[]): boolean {
  const areAllWanted = own.every(({ name, role }) =>
    wanted.some((group) => group.name === name && group.role === role),
  )
  return areAllWanted && own.length < wanted.length
}

async function findOrganization({ catalog }: Services, key: string): Promise<Organization | undefined> {
  try {
    return (await catalog.getOrganization({ key })).organization
  } catch (error) {
    if (error instanceof Refusal && error.reason === Reason.ORGANIZATION_NOT_FOUND) return undefined
    throw error
  }
}

async function createOrganization({ catalog }: Services, key: string): Promise<Organization> {
  try {
    return (await catalog.createOrganization({ key })).organization as Organization
  } catch (error) {
    throw organizationRefused(causeOf(error), error)
  }
}

async function createGroup(
  { accessControl }: Services,
  organization: Organization,
  { name, role }: WantedGroup,
): Promise<Group> {
  const resource = { target: { case: 'organizationId', value: organization.id } } as const
  try {
    return (await accessControl.createGroup({ name, role, resource })).group as Group
  } catch (error) {
    throw groupRefused(
      name,
      `${causeOf(error)} Organization ${organization.key} is there: run this again to finish.`,
      error,
    )
  }
}

function organizationIdOf({ resource }: Group): string | undefined {
  return resource?.target.case === 'organizationId' ? resource.target.value : undefined
}

function causeOf(error: unknown): string {
  return error instanceof Error ? error.message.replace(/([^.])$/, '$1.') : String(error)
}

function organizationRefused(because: string, cause?: unknown): Refusal {
  return new Refusal(`Unable to create Organization. cause: ${because}`, { cause })
}

function groupRefused(name: string, because: string, cause?: unknown): Refusal {
  return new Refusal(`Unable to create OrganizationGroup ${name}. cause: ${because}`, { cause })
}
