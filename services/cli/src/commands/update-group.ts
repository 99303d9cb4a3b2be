import type { Command } from 'commander'
import { GroupSchema } from '#proto/registrar/accesscontrol/v1/group_pb.ts'
import type { CommandContext } from '../command-context.ts'
import { toAnswerJson } from '../output.ts'
import { UsageError } from '../refusal.ts'
import { findResource, organizationOption, programOption, type ResourceOptions } from '../resources.ts'
import { assertRole } from '../roles.ts'

type Options = ResourceOptions & { role?: string }

export function addUpdateGroup(program: Command, { connect, tell }: CommandContext): void {
  program
    .command('update-group')
    .description("change a group's role or where it holds; its members' rights follow at once")
    .argument('<name>')
    .option('--role <role>')
    .addOption(organizationOption('where the role holds from now on'))
    .addOption(programOption('where the role holds from now on'))
    .action(async (name: string, options: Options) => {
      const { role } = options
      if (role !== undefined) assertRole(role, options)
      else if (options.organization === undefined && options.program === undefined) {
        throw new UsageError('Name something to change.')
      }
      const services = await connect()
      const resource = await findResource(services, options)
      const { group } = await services.accessControl.updateGroup({ name, role, resource })
      tell({ text: `Group ${name} was changed.`, json: toAnswerJson(GroupSchema, group) })
    })
}
