import type { Command } from 'commander'
import { GroupSchema } from '#proto/registrar/accesscontrol/v1/group_pb.ts'
import type { CommandContext } from '../command-context.ts'
import { toAnswerJson } from '../output.ts'
import { UsageError } from '../refusal.ts'
import {
  describeResource,
  findResource,
  organizationOption,
  programOption,
  type ResourceOptions,
} from '../resources.ts'
import { assertRole } from '../roles.ts'

type Options = ResourceOptions & { role?: string; plain?: true }

export function addCreateGroup(program: Command, { connect, tell }: CommandContext): void {
  program
    .command('create-group')
    .description('make a group whose members hold a role')
    .argument('<name>')
    .addOption(organizationOption('where the role holds'))
    .addOption(programOption('where the role holds'))
    .option('--role <role>', 'what the members may do there')
    .option('--plain', 'without a role: for direct grants and flags')
    .action(async (name: string, options: Options) => {
      assertMeansOneGroup(options)
      const services = await connect()
      const resource = await findResource(services, options)
      const { group } = await services.accessControl.createGroup({ name, role: options.role, resource })
      tell({
        text: options.plain
          ? `Group ${name} was created.`
          : `Group ${name} was created with ${options.role} on ${describeResource(options)}.`,
        json: toAnswerJson(GroupSchema, group),
      })
    })
}

function assertMeansOneGroup(options: Options): void {
  const { plain, role, organization, program } = options
  const hasResource = organization !== undefined || program !== undefined
  if (plain) {
    if (role !== undefined || hasResource)
      throw new UsageError('A plain group has no role: leave out the rest.')
    return
  }
  if (role === undefined || !hasResource) {
    throw new UsageError('Name --role and one of --organization and --program, or make the group --plain.')
  }
  assertRole(role, options)
}
