import { create } from '@bufbuild/protobuf'
import type { Command } from 'commander'
import { RevokePermissionRequestSchema } from '#proto/registrar/accesscontrol/v1/access_control_service_pb.ts'
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

export function addRevoke(program: Command, { connect, tell }: CommandContext): void {
  program
    .command('revoke')
    .description('take back a grant; what roles give is untouched')
    .argument('<permission>', 'as it was granted')
    .option('--user <username>')
    .option('--group <name>')
    .addOption(organizationOption('that it was granted on'))
    .addOption(programOption('that it was granted on'))
    .action(async (name: string, options: ResourceOptions & SubjectOptions) => {
      const named = parsePermission(name)
      assertGoesWith(named, name, options)
      const subject = readSubject(options)
      const services = await connect()
      const request = create(RevokePermissionRequestSchema, {
        permission: named.permission,
        subject,
        resource: await findResource(services, options),
      })
      await services.accessControl.revokePermission(request)
      tell({
        text: `${name} on ${describeResource(options)} is taken back from ${describeSubject(options)}.`,
        json: toAnswerJson(RevokePermissionRequestSchema, request),
      })
    })
}
