import { create } from '@bufbuild/protobuf'
import type { Command } from 'commander'
import { GrantPermissionRequestSchema } from '#proto/registrar/accesscontrol/v1/access_control_service_pb.ts'
import type { CommandContext } from '../command-context.ts'
import { toAnswerJson } from '../output.ts'
import { assertGoesWith, parsePermission } from '../permissions.ts'
import {
  describeResource,
  describeSubject,
  findResource,
  organizationOption,
  programOption,
  type ResourceOptions,
  readSubject,
  type SubjectOptions,
} from '../resources.ts'

export function addGrant(program: Command, { connect, tell }: CommandContext): void {
  program
    .command('grant')
    .description('grant a permission to a user or a group; on everything when nothing is named')
    .argument('<permission>', 'read_metadata, for example, or core.program_read_metadata')
    .option('--user <username>')
    .option('--group <name>')
    .addOption(organizationOption('on all its programs'))
    .addOption(programOption('on this one'))
    .action(async (name: string, options: ResourceOptions & SubjectOptions) => {
      const named = parsePermission(name)
      assertGoesWith(named, name, options)
      const subject = readSubject(options)
      const services = await connect()
      const request = create(GrantPermissionRequestSchema, {
        permission: named.permission,
        subject,
        resource: await findResource(services, options),
      })
      await services.accessControl.grantPermission(request)
      tell({
        text: `${name} on ${describeResource(options)} is granted to ${describeSubject(options)}.`,
        json: toAnswerJson(GrantPermissionRequestSchema, request),
      })
    })
}
