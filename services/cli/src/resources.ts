import { create } from '@bufbuild/protobuf'
import { Option } from 'commander'
import { Reason } from '#kit/errors.ts'
import { type Resource, ResourceSchema } from '#proto/registrar/accesscontrol/v1/permission_pb.ts'
import { inOtherWords, UsageError } from './refusal.ts'
import type { Services } from './services.ts'

/** The values of `--organization` and `--program`: one of them at most. */
export type ResourceOptions = { organization?: string; program?: string }

/** The values of `--user` and `--group`. */
export type SubjectOptions = { user?: string; group?: string }

export const organizationOption = (description: string) =>
  new Option('--organization <key>', description).conflicts('program')

export const programOption = (description: string) =>
  new Option('--program <key>', description).conflicts('organization')

/** What the catalog knows under the key that was given; undefined when none was given. */
export async function findResource(
  { catalog }: Pick<Services, 'catalog'>,
  { organization, program }: ResourceOptions,
): Promise<Resource | undefined> {
  if (organization !== undefined) {
    const found = await findOrganization({ catalog }, organization)
    return create(ResourceSchema, { target: { case: 'organizationId', value: found.id } })
  }
  if (program === undefined) return undefined
  const answer = await inOtherWords(catalog.getProgram({ key: program }), {
    [Reason.PROGRAM_NOT_FOUND]: `There is no program with the key ${program}.`,
  })
  return create(ResourceSchema, { target: { case: 'programId', value: answer.program?.id ?? '' } })
}

async function findOrganization(
  { catalog }: Pick<Services, 'catalog'>,
  key: string,
): Promise<{ id: string }> {
  const answer = await inOtherWords(catalog.getOrganization({ key }), {
    [Reason.ORGANIZATION_NOT_FOUND]: `There is no organization with the key ${key}.`,
  })
  return { id: answer.organization?.id ?? '' }
}

export function describeResource({ organization, program }: ResourceOptions): string {
  if (organization !== undefined) return `organization ${organization}`
  return program === undefined ? 'everything' : `program ${program}`
}

/** The one user or group that was named. */
export function readSubject({ user, group }: SubjectOptions) {
  if (user !== undefined && group === undefined) return { case: 'username', value: user } as const
  if (group !== undefined && user === undefined) return { case: 'groupName', value: group } as const
  throw new UsageError('Name one of --user and --group.')
}

export function describeSubject({ user, group }: SubjectOptions): string {
  return user === undefined ? `group ${group}` : `user ${user}`
}
