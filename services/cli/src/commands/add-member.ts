import { create } from '@bufbuild/protobuf'
import type { Command } from 'commander'
import { AddGroupMemberRequestSchema } from '#proto/registrar/accesscontrol/v1/access_control_service_pb.ts'
import type { CommandContext } from '../command-context.ts'
import { toAnswerJson } from '../output.ts'

export function addAddMember(program: Command, { connect, tell }: CommandContext): void {
  program
    .command('add-member')
    .description('put a user into a group')
    .argument('<username>')
    .requiredOption('--group <name>', 'the group')
    .action(async (username: string, { group }: { group: string }) => {
      const { accessControl } = await connect()
      const request = create(AddGroupMemberRequestSchema, { username, groupName: group })
      await accessControl.addGroupMember(request)
      tell({
        text: `User ${username} is a member of group ${group}.`,
        json: toAnswerJson(AddGroupMemberRequestSchema, request),
      })
    })
}
