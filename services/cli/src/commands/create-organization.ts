import type { Command } from 'commander'
import { GroupSchema } from '#proto/registrar/accesscontrol/v1/group_pb.ts'
import { OrganizationSchema } from '#proto/registrar/catalog/v1/organization_pb.ts'
import type { CommandContext } from '../command-context.ts'
import { establishOrganization, type WantedGroup } from '../establish-organization.ts'
import { toAnswerJson } from '../output.ts'
import { UsageError } from '../refusal.ts'
import { organizationRoles } from '../roles.ts'

const maximumGroupName = 150

export function addCreateOrganization(program: Command, { connect, tell }: CommandContext): void {
  program
    .command('create-organization')
    .description('make an organization and groups whose members hold a role on all its programs')
    .argument('<org_key>', 'letters, digits, _ and -')
    .option(
      '--group <role> [name]',
      'a group, named <org_key>_<role> without a name; may be repeated',
      addGroup,
    )
    .action(async (key: string, options: { group?: string[][] }) => {
      if (!/^[A-Za-z0-9_-]+$/.test(key)) {
        throw new UsageError('org_key can only contain alphanumeric characters, dashes, and underscores')
      }
      const wanted = readGroupOptions(key, options.group)
      const { organization, groups } = await establishOrganization(await connect(), key, wanted)
      tell({
        text: [
          `Organization ${key} was created.`,
          ...groups.map(({ name, role }) => `Group ${name} was created with ${role} on it.`),
        ].join('\n'),
        json: {
          organization: toAnswerJson(OrganizationSchema, organization),
          groups: groups.map((group) => toAnswerJson(GroupSchema, group)),
        },
      })
    })
}

/**
 * Puts the values of each `--group` of `create-organization` into one argument, as JSON: Commander takes one value for each time
 * an option is named, or all values of all times together.
 */
export function foldGroupValues(args: readonly string[]): string[] {
  if (!args.includes('create-organization')) return [...args]
  const folded: string[] = []
  let values: string[] | undefined
  const endValues = () => {
    if (values !== undefined && values.length > 0) folded.push(JSON.stringify(values))
    values = undefined
  }
  for (const [index, arg] of args.entries()) {
    if (arg === '--') {
      endValues()
      return [...folded, ...args.slice(index)]
    }
    if (arg.startsWith('-')) endValues()
    if (arg.startsWith('--group=')) folded.push('--group', JSON.stringify([arg.slice('--group='.length)]))
    else if (values === undefined) folded.push(arg)
    else values.push(arg)
    if (arg === '--group') values = []
  }
  endValues()
  return folded
}

function addGroup(folded: string, before: string[][] = []): string[][] {
  return [...before, JSON.parse(folded) as string[]]
}

function readGroupOptions(key: string, options: string[][] = []): WantedGroup[] {
  const groups = options.map(([role = '', name = `${key}_${role}`, ...more]) => {
    if (more.length > 0) throw new UsageError('--group only accepts one or two arguments')
    if (!organizationRoles.some((known) => known === role)) {
      throw new UsageError(`first argument to --group must be one of [${organizationRoles.join(', ')}]`)
    }
    if (name === '' || [...name].length > maximumGroupName) {
      throw new UsageError(
        `The name of a group has 1 to ${maximumGroupName} characters: give ${role} another name.`,
      )
    }
    return { role, name }
  })
  const names = groups.map(({ name }) => name)
  const twice = names.find((name, index) => names.indexOf(name) !== index)
  if (twice !== undefined) throw new UsageError(`Two groups cannot both be named ${twice}.`)
  return groups
}
