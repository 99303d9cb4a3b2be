import { create } from '@bufbuild/protobuf'
import type { Command } from 'commander'
import { RemoveGroupMemberRequestSchema } from '#proto/registrar/accesscontrol/v1/access_control_service_pb.ts'
import type { CommandContext } from '../command-context.ts'
import { toAnswerJson } from '../output.ts'

export function addRemoveMember(program: Command, { connect, tell }: CommandContext): void {
  program
    .command('remove-member')
    .description('take a user out of a group')
    .argument('<username>')
    .requiredOption('--group <name>', 'the group')
    .action(async (username: string, { group }: { group: string }) => {
      const { accessControl } = await connect()
      const request = create(RemoveGroupMemberRequestSchema, { username, groupName: group })
      await accessControl.removeGroupMember(request)
      tell({
        text: `User ${username} is no longer a member of group ${group}.`,
        json: toAnswerJson(RemoveGroupMemberRequestSchema, request),
      })
    })
}
